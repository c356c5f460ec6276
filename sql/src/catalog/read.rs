//! The rows of the tables about files.

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, BooleanArray, FixedSizeBinaryBuilder, Int64Array, StringArray,
    TimestampMillisecondArray, UInt16Array, UInt32Array, UInt64Array,
};
use datafusion::common::Result;
use nfdecode::file::{Header, Statistics};
use nfdecode::inspect::Survey;
use nfdecode::{Error, File, Names, Timestamp};

use crate::catalog::about::About;
use crate::error::external;
use crate::table::damage::DamageLog;
use crate::table::listing::{Listed, list};
use crate::table::options::{OnDamage, TableOptions};

/// The columns of the table about these files.
pub(super) fn columns(
    about: About,
    paths: &[PathBuf],
    options: &TableOptions,
) -> Result<Vec<ArrayRef>> {
    let log = options.log();
    let files = list(paths, &log)?;
    if about == About::Files {
        return Ok(files_columns(&files, options));
    }
    let mut named = Vec::new();
    for listed in files {
        match options.open().open(&listed.path) {
            Ok(file) => {
                log.opened();
                let survey = Survey::of(&file, || ControlFlow::Continue(()));
                // `files` shows what opening finds; here it does not matter.
                let at_the_end = usize::from(file.appendix_damage().is_some());
                for error in survey.damage.iter().skip(at_the_end) {
                    met(error, options, &log)?;
                }
                named.push((listed.name, survey.names));
            }
            Err(error) if matches!(options.on_damage, OnDamage::Fail) => {
                return Err(external(error));
            }
            Err(error) => log.refused(&error, options.salvages),
        }
    }
    Ok(match about {
        About::Exporters => exporters(&named),
        About::Samplers => samplers(&named),
        About::Interfaces | About::Files => interfaces(&named),
    })
}

/// Damage of a file that is read whole: an error, or a line.
fn met(error: &Error, options: &TableOptions, log: &DamageLog) -> Result<()> {
    match options.on_damage {
        OnDamage::Fail => Err(external(error.clone())),
        OnDamage::Log(_) => {
            log.add(error.to_string());
            Ok(())
        }
    }
}

fn millis(time: Option<Timestamp>) -> Option<i64> {
    i64::try_from(time?.as_millis()).ok()
}

/// Values as a column.
fn column<A: Array + FromIterator<V> + 'static, V>(values: impl Iterator<Item = V>) -> ArrayRef {
    Arc::new(values.collect::<A>())
}

fn times(values: impl Iterator<Item = Option<i64>>) -> ArrayRef {
    let array: TimestampMillisecondArray = values.collect();
    Arc::new(array.with_timezone("UTC"))
}

/// What the table `files` shows of a file, which is closed by then: an archive may have more files than a process may open.
struct Found {
    header: Option<Header>,
    statistics: Option<Statistics>,
    ident: Option<String>,
    damage: Option<String>,
}

impl Found {
    fn of(opened: Result<File, Error>) -> Self {
        let file = match opened {
            Ok(file) => file,
            Err(error) => {
                return Self {
                    header: None,
                    statistics: None,
                    ident: None,
                    damage: Some(error.without_file()),
                };
            }
        };
        let header = file.header();
        let at_the_end = file.appendix_damage();
        let damage = match header.unfinished {
            true => Some("file is unfinished: still being written, or abandoned".to_owned()),
            false => at_the_end
                .map(|error| format!("ident and statistics are not readable: {}", error.reason())),
        };
        let text = |ident| String::from_utf8_lossy(ident).into_owned();
        Self {
            statistics: file.statistics(),
            ident: file.ident().map(text),
            header: Some(header),
            damage,
        }
    }
}

/// One row for each file, also for those that cannot be opened: `damage` says why.
fn files_columns(files: &[Listed], options: &TableOptions) -> Vec<ArrayRef> {
    let found: Vec<Found> = files
        .iter()
        .map(|listed| Found::of(options.open().open(&listed.path)))
        .collect();
    let headed = || found.iter().map(|found| found.header.as_ref());
    let counted = || found.iter().map(|found| found.statistics.as_ref());
    let size = |listed: &Listed| {
        std::fs::metadata(&listed.path)
            .ok()
            .map(|found| found.len())
    };
    vec![
        Arc::new(StringArray::from_iter_values(
            files.iter().map(|listed| &*listed.name),
        )),
        Arc::new(StringArray::from_iter_values(
            files.iter().map(|listed| listed.path.to_string_lossy()),
        )),
        Arc::new(files.iter().map(size).collect::<UInt64Array>()),
        column::<UInt16Array, _>(headed().map(|head| Some(head?.layout))),
        column::<StringArray, _>(headed().map(|head| Some(head?.compression.name()))),
        column::<BooleanArray, _>(headed().map(|head| Some(head?.encrypted))),
        times(headed().map(|head| head?.created.checked_mul(1000))),
        column::<StringArray, _>(headed().map(|head| Some(head?.creator_name()))),
        column::<StringArray, _>(found.iter().map(|found| found.ident.as_deref())),
        column::<UInt32Array, _>(headed().map(|head| Some(head?.blocks))),
        column::<UInt64Array, _>(counted().map(|count| Some(count?.total.flows))),
        column::<UInt64Array, _>(counted().map(|count| Some(count?.total.packets))),
        column::<UInt64Array, _>(counted().map(|count| Some(count?.total.bytes))),
        times(counted().map(|count| millis(count?.first_seen))),
        times(counted().map(|count| millis(count?.last_seen))),
        column::<UInt64Array, _>(counted().map(|count| Some(count?.sequence_failures))),
        column::<BooleanArray, _>(headed().map(|head| Some(head?.unfinished))),
        column::<StringArray, _>(found.iter().map(|found| found.damage.as_deref())),
    ]
}

type Named = (Arc<str>, Names);

fn exporters(named: &[Named]) -> Vec<ArrayRef> {
    let rows: Vec<_> = named
        .iter()
        .flat_map(|(file, names)| names.exporters().map(move |exporter| (file, exporter)))
        .collect();
    let mut addresses = FixedSizeBinaryBuilder::with_capacity(rows.len(), 16);
    for (_, exporter) in &rows {
        let address = match exporter.address {
            std::net::IpAddr::V4(v4) => v4.to_ipv6_mapped(),
            std::net::IpAddr::V6(v6) => v6,
        };
        // All values have the width of the builder.
        let _ = addresses.append_value(address.octets());
    }
    let each = || rows.iter().map(|(_, exporter)| exporter);
    vec![
        Arc::new(StringArray::from_iter_values(
            rows.iter().map(|(file, _)| &***file),
        )),
        column::<UInt16Array, _>(each().map(|found| Some(found.sysid))),
        Arc::new(addresses.finish()),
        column::<UInt32Array, _>(each().map(|found| Some(found.version))),
        Arc::new(StringArray::from_iter_values(
            each().map(|found| found.version_name()),
        )),
        column::<UInt32Array, _>(each().map(|found| Some(found.id))),
        column::<UInt64Array, _>(each().map(|found| Some(found.flows))),
        column::<UInt64Array, _>(each().map(|found| Some(found.packets))),
        column::<UInt64Array, _>(each().map(|found| Some(found.sequence_failures))),
    ]
}

fn samplers(named: &[Named]) -> Vec<ArrayRef> {
    let rows: Vec<_> = named
        .iter()
        .flat_map(|(file, names)| names.samplers().iter().map(move |sampler| (file, sampler)))
        .collect();
    let each = || rows.iter().map(|(_, sampler)| sampler);
    vec![
        Arc::new(StringArray::from_iter_values(
            rows.iter().map(|(file, _)| &***file),
        )),
        column::<UInt16Array, _>(each().map(|found| Some(found.sysid))),
        column::<Int64Array, _>(each().map(|found| Some(found.id))),
        column::<UInt16Array, _>(each().map(|found| Some(found.algorithm))),
        column::<UInt32Array, _>(each().map(|found| Some(found.packet_interval))),
        column::<UInt32Array, _>(each().map(|found| Some(found.packet_space))),
    ]
}

fn interfaces(named: &[Named]) -> Vec<ArrayRef> {
    let rows: Vec<_> = named
        .iter()
        .flat_map(|(file, names)| {
            names
                .interfaces()
                .map(move |(index, name)| (file, index, name))
        })
        .collect();
    vec![
        Arc::new(StringArray::from_iter_values(
            rows.iter().map(|(file, ..)| &***file),
        )),
        Arc::new(
            rows.iter()
                .map(|(_, index, _)| Some(*index))
                .collect::<UInt32Array>(),
        ),
        Arc::new(StringArray::from_iter_values(
            rows.iter().map(|(.., name)| String::from_utf8_lossy(name)),
        )),
    ]
}
