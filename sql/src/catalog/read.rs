//! The rows of the tables about files.

use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, FixedSizeBinaryBuilder, Int64Array, StringArray,
    TimestampMillisecondArray, UInt16Array, UInt32Array, UInt64Array,
};
use datafusion::common::Result;
use nfdecode::{Error, File, Names, Timestamp};

use crate::catalog::about::About;
use crate::table::damage::DamageLog;
use crate::table::listing::{Listed, list};
use crate::table::options::{OnDamage, TableOptions};
use crate::table::source::external;

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
                let mut names = Names::default();
                for block in file.blocks() {
                    match block {
                        Ok(block) => {
                            names.collect(&block);
                            if let Some(error) = block.damage() {
                                met(error, options, &log)?;
                            }
                        }
                        Err(error) => met(&error, options, &log)?,
                    }
                }
                named.push((listed.name, names));
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

fn times(values: impl Iterator<Item = Option<i64>>) -> ArrayRef {
    let array: TimestampMillisecondArray = values.collect();
    Arc::new(array.with_timezone("UTC"))
}

/// One row for each file, also for those that cannot be opened: `damage` says why.
fn files_columns(files: &[Listed], options: &TableOptions) -> Vec<ArrayRef> {
    let opened: Vec<Result<File, Error>> = files
        .iter()
        .map(|listed| options.open().open(&listed.path))
        .collect();
    let file = |row: &Result<File, Error>| row.as_ref().ok().cloned();
    let headers: Vec<_> = opened
        .iter()
        .map(|row| file(row).map(|file| file.header()))
        .collect();
    let statistics: Vec<_> = opened
        .iter()
        .map(|row| file(row).and_then(|file| file.statistics()))
        .collect();
    let damage = opened.iter().map(|row| match row {
        Ok(file) if file.header().unfinished => {
            Some("file is unfinished: still being written, or abandoned".to_owned())
        }
        Ok(file) => file
            .appendix_damage()
            .map(|error| format!("ident and statistics are not readable: {}", error.reason())),
        Err(error) => Some(error.without_file()),
    });
    let headed = || headers.iter().map(Option::as_ref);
    let counted = || statistics.iter().map(Option::as_ref);
    let size = |listed: &Listed| {
        std::fs::metadata(&listed.path)
            .ok()
            .map(|found| found.len())
    };
    let ident = opened.iter().map(|row| {
        let file = row.as_ref().ok()?;
        Some(String::from_utf8_lossy(file.ident()?).into_owned())
    });
    vec![
        Arc::new(StringArray::from_iter_values(
            files.iter().map(|listed| &*listed.name),
        )),
        Arc::new(StringArray::from_iter_values(
            files.iter().map(|listed| listed.path.to_string_lossy()),
        )),
        Arc::new(files.iter().map(size).collect::<UInt64Array>()),
        Arc::new(
            headed()
                .map(|head| Some(head?.layout))
                .collect::<UInt16Array>(),
        ),
        Arc::new(
            headed()
                .map(|head| Some(head?.compression.name()))
                .collect::<StringArray>(),
        ),
        Arc::new(
            headed()
                .map(|head| Some(head?.encrypted))
                .collect::<BooleanArray>(),
        ),
        times(headed().map(|head| head?.created.checked_mul(1000))),
        Arc::new(
            headed()
                .map(|head| Some(head?.creator_name()))
                .collect::<StringArray>(),
        ),
        Arc::new(ident.collect::<StringArray>()),
        Arc::new(
            headed()
                .map(|head| Some(head?.blocks))
                .collect::<UInt32Array>(),
        ),
        Arc::new(
            counted()
                .map(|count| Some(count?.total.flows))
                .collect::<UInt64Array>(),
        ),
        Arc::new(
            counted()
                .map(|count| Some(count?.total.packets))
                .collect::<UInt64Array>(),
        ),
        Arc::new(
            counted()
                .map(|count| Some(count?.total.bytes))
                .collect::<UInt64Array>(),
        ),
        times(counted().map(|count| millis(count?.first_seen))),
        times(counted().map(|count| millis(count?.last_seen))),
        Arc::new(
            counted()
                .map(|count| Some(count?.sequence_failures))
                .collect::<UInt64Array>(),
        ),
        Arc::new(
            headed()
                .map(|head| Some(head?.unfinished))
                .collect::<BooleanArray>(),
        ),
        Arc::new(damage.collect::<StringArray>()),
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
        Arc::new(
            each()
                .map(|found| Some(found.sysid))
                .collect::<UInt16Array>(),
        ),
        Arc::new(addresses.finish()),
        Arc::new(
            each()
                .map(|found| Some(found.version))
                .collect::<UInt32Array>(),
        ),
        Arc::new(StringArray::from_iter_values(
            each().map(|found| found.version_name()),
        )),
        Arc::new(each().map(|found| Some(found.id)).collect::<UInt32Array>()),
        Arc::new(
            each()
                .map(|found| Some(found.flows))
                .collect::<UInt64Array>(),
        ),
        Arc::new(
            each()
                .map(|found| Some(found.packets))
                .collect::<UInt64Array>(),
        ),
        Arc::new(
            each()
                .map(|found| Some(found.sequence_failures))
                .collect::<UInt64Array>(),
        ),
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
        Arc::new(
            each()
                .map(|found| Some(found.sysid))
                .collect::<UInt16Array>(),
        ),
        Arc::new(each().map(|found| Some(found.id)).collect::<Int64Array>()),
        Arc::new(
            each()
                .map(|found| Some(found.algorithm))
                .collect::<UInt16Array>(),
        ),
        Arc::new(
            each()
                .map(|found| Some(found.packet_interval))
                .collect::<UInt32Array>(),
        ),
        Arc::new(
            each()
                .map(|found| Some(found.packet_space))
                .collect::<UInt32Array>(),
        ),
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
