//! From the scan of a plan to bytes, and back.

use std::collections::HashMap;
use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::PathBuf;
use std::sync::Arc;

use datafusion::common::{Result, exec_datafusion_err, exec_err, plan_err};
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfig, FileScanConfigBuilder};
use datafusion::datasource::source::DataSourceExec;
use datafusion::execution::TaskContext;
use datafusion::logical_expr::{AggregateUDF, ScalarUDF, WindowUDF};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::prelude::SessionConfig;
use datafusion_proto::physical_plan::from_proto::parse_protobuf_file_scan_config;
use datafusion_proto::physical_plan::to_proto::serialize_file_scan_config;
use datafusion_proto::physical_plan::{
    DefaultPhysicalExtensionCodec, PhysicalExtensionCodec, PhysicalPlanDecodeContext,
    PhysicalProtoConverterExtension,
};
use nfdecode::Filter;
use nfdecode::columns::Projection;

use crate::cluster::accounts::Accounts;
use crate::cluster::message::{Scan, ScanFile};
use crate::table::damage::{Account, DamageLog};
use crate::table::elsewhere::{Report, Travels};
use crate::table::flow_file::FlowFile;
use crate::table::options::{OnDamage, TableOptions};
use crate::table::source::{FlowSource, Skipped};

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Encodes and decodes the scans of nfcapd files in plans of DataFusion.
///
/// Engines that run parts of a plan in other processes send it as bytes. A scan becomes its files with their absolute
/// paths and byte ranges, the columns, the filter as text, and whether it salvages; a passphrase is not sent. The other
/// process must see the same files under the same paths, and have the same version of this package and the functions of
/// [`extend`](crate::extend). Its session reads the files when the plan runs there.
///
/// Plans that are no scans of nfcapd files go to the inner codec, which knows none unless [`FlowCodec::with_inner`]
/// gives another. Bytes that are not readable are errors. Several threads may use a codec.
#[derive(Debug)]
pub struct FlowCodec {
    options: TableOptions,
    inner: Arc<dyn PhysicalExtensionCodec>,
    accounts: Accounts,
}

impl FlowCodec {
    /// A codec. Plans that it decodes open files as `options` say, as with a passphrase.
    #[must_use]
    pub fn new(options: &TableOptions) -> Self {
        Self {
            options: options.clone(),
            inner: Arc::new(DefaultPhysicalExtensionCodec {}),
            accounts: Accounts::default(),
        }
    }

    /// Sets the codec for other plans, and for functions that are not in the registry.
    #[must_use]
    pub fn with_inner(mut self, inner: Arc<dyn PhysicalExtensionCodec>) -> Self {
        self.inner = inner;
        self
    }

    /// The configuration of a session whose plans it encodes: scans leave conditions that are not in nfdump's language to
    /// DataFusion. Other plans may have scans that test them, which are errors when they are encoded.
    #[must_use]
    pub fn prepare(config: SessionConfig) -> SessionConfig {
        config.with_extension(Arc::new(Travels))
    }

    /// The accounts of the files of all plans that it has encoded.
    pub(crate) fn accounts(&self) -> &Accounts {
        &self.accounts
    }

    fn message(
        &self,
        config: &FileScanConfig,
        source: &FlowSource,
        converter: &dyn PhysicalProtoConverterExtension,
    ) -> Result<Scan> {
        // All of its fields, so that a new one is not forgotten here. DataFusion's message has schema and projection.
        let FlowSource {
            schema: _,
            projection: _,
            filter,
            predicate,
            takes_predicates: _,
            options,
            metrics: _,
            skipped,
            report: _,
        } = source;
        if predicate.is_some() {
            return exec_err!(
                "the scan tests a condition that cannot be sent: the session lacks what FlowCodec::prepare adds"
            );
        }
        let fails = matches!(options.on_damage, OnDamage::Fail);
        let parts = config.file_groups.iter().flat_map(|group| group.files());
        let files = parts.map(|part| {
            let file = part
                .extension::<FlowFile>()
                .ok_or_else(|| exec_datafusion_err!("a file that the table did not list"))?;
            Ok(ScanFile {
                path: std::path::absolute(&file.path)?
                    .as_os_str()
                    .as_bytes()
                    .to_vec(),
                name: file.name.to_string(),
                account: self.accounts.remember(file, options, fails),
            })
        });
        Ok(Scan {
            version: VERSION.to_owned(),
            files: files.collect::<Result<_>>()?,
            config: Some(serialize_file_scan_config(config, self, converter)?),
            limit: config.limit.map(|limit| limit as u64),
            filter: filter.as_ref().map(text_of).transpose()?,
            salvages: options.salvages,
            fails,
            skipped: skipped.files as u64,
            skipped_blocks: skipped.blocks as u64,
        })
    }

    fn plan(
        &self,
        scan: Scan,
        context: &TaskContext,
        converter: &dyn PhysicalProtoConverterExtension,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        if scan.version != VERSION {
            return exec_err!(
                "the query was planned by version {} of nfdecode-sql, and this worker has version {VERSION}",
                scan.version
            );
        }
        let schema = Projection::all().schema();
        let config = scan
            .config
            .ok_or_else(|| exec_datafusion_err!("the message of a scan has no files"))?;
        let theirs = FileScanConfig::parse_table_schema_from_proto(&config)?;
        if **theirs.table_schema() != *schema {
            return exec_err!("the query was planned with other columns than this worker knows");
        }
        let log = DamageLog::new();
        let mut options = self.options.clone();
        options.salvages = scan.salvages;
        options.is_planned_elsewhere = true;
        options.on_damage = match scan.fails {
            true => OnDamage::Fail,
            false => OnDamage::Log(log.clone()),
        };
        let filter = scan.filter.as_deref().map(filter_of).transpose()?;
        let number = |number| usize::try_from(number).unwrap_or(usize::MAX);
        let skipped = Skipped {
            files: number(scan.skipped),
            blocks: number(scan.skipped_blocks),
        };
        let mut source = FlowSource::new(schema, filter, options, skipped);

        let mut accounts = HashMap::new();
        let files = scan.files.into_iter().map(|file| {
            let account = accounts
                .entry(file.account)
                .or_insert_with(|| Arc::new(Account::new(log.clone(), scan.salvages)));
            FlowFile {
                path: PathBuf::from(OsString::from_vec(file.path)),
                name: file.name.into(),
                account: Arc::clone(account),
            }
        });
        let files: Vec<FlowFile> = files.collect();
        source.report = Report::new(log, accounts);

        let decoding = PhysicalPlanDecodeContext::new(context, self);
        let decoded =
            parse_protobuf_file_scan_config(&config, &decoding, converter, Arc::new(source))?;
        let limit = scan.limit.map(usize::try_from).transpose();
        let groups = with_files(&decoded.file_groups, files)?;
        let config = FileScanConfigBuilder::from(decoded)
            .with_file_groups(groups)
            .with_limit(limit.map_err(|error| exec_datafusion_err!("{error}"))?)
            .build();
        Ok(DataSourceExec::from_data_source(config))
    }
}

/// Groups whose files know what DataFusion's message does not have.
fn with_files(groups: &[FileGroup], files: Vec<FlowFile>) -> Result<Vec<FileGroup>> {
    let wrong = || exec_datafusion_err!("the message of a scan has another number of files");
    let mut files = files.into_iter();
    let groups = groups.iter().map(|group| {
        let parts = group.files().iter().map(|part| {
            let is_range = part
                .range
                .as_ref()
                .is_none_or(|range| 0 <= range.start && range.start <= range.end);
            if !is_range {
                return exec_err!("the message of a scan has a range that ends before it starts");
            }
            Ok(part.clone().with_extension(files.next().ok_or_else(wrong)?))
        });
        Ok(FileGroup::new(
            parts.collect::<Result<Vec<PartitionedFile>>>()?,
        ))
    });
    let groups = groups.collect::<Result<Vec<_>>>()?;
    match files.next() {
        Some(_) => Err(wrong()),
        None => Ok(groups),
    }
}

/// The text of a filter, which is checked: the other process must select the same flows.
fn text_of(filter: &Filter) -> Result<String> {
    let text = filter.to_string();
    match Filter::parse(&text) {
        Ok(parsed) if parsed.expr() == filter.expr() => Ok(text),
        _ => plan_err!("the filter '{text}' cannot be sent to other machines"),
    }
}

fn filter_of(text: &str) -> Result<Filter> {
    Filter::parse(text).map_err(|error| exec_datafusion_err!("the filter of a scan: {error}"))
}

/// The parts of a scan node that reads nfcapd files.
fn scan_of(node: &Arc<dyn ExecutionPlan>) -> Option<(&FileScanConfig, &FlowSource)> {
    let exec = node.downcast_ref::<DataSourceExec>()?;
    let config = exec.data_source().downcast_ref::<FileScanConfig>()?;
    Some((config, config.file_source().downcast_ref::<FlowSource>()?))
}

impl PhysicalExtensionCodec for FlowCodec {
    fn try_decode(
        &self,
        bytes: &[u8],
        inputs: &[Arc<dyn ExecutionPlan>],
        context: &TaskContext,
        converter: &dyn PhysicalProtoConverterExtension,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        match Scan::read(bytes)? {
            Some(scan) => self.plan(scan, context, converter),
            None => self.inner.try_decode(bytes, inputs, context, converter),
        }
    }

    fn try_encode(
        &self,
        node: Arc<dyn ExecutionPlan>,
        bytes: &mut Vec<u8>,
        converter: &dyn PhysicalProtoConverterExtension,
    ) -> Result<()> {
        match scan_of(&node) {
            Some((config, source)) => self.message(config, source, converter)?.write(bytes),
            None => self.inner.try_encode(node, bytes, converter),
        }
    }

    fn try_encode_udf(&self, function: &ScalarUDF, bytes: &mut Vec<u8>) -> Result<()> {
        self.inner.try_encode_udf(function, bytes)
    }

    fn try_decode_udf(&self, name: &str, bytes: &[u8]) -> Result<Arc<ScalarUDF>> {
        self.inner.try_decode_udf(name, bytes)
    }

    fn try_encode_udaf(&self, function: &AggregateUDF, bytes: &mut Vec<u8>) -> Result<()> {
        self.inner.try_encode_udaf(function, bytes)
    }

    fn try_decode_udaf(&self, name: &str, bytes: &[u8]) -> Result<Arc<AggregateUDF>> {
        self.inner.try_decode_udaf(name, bytes)
    }

    fn try_encode_udwf(&self, function: &WindowUDF, bytes: &mut Vec<u8>) -> Result<()> {
        self.inner.try_encode_udwf(function, bytes)
    }

    fn try_decode_udwf(&self, name: &str, bytes: &[u8]) -> Result<Arc<WindowUDF>> {
        self.inner.try_decode_udwf(name, bytes)
    }
}
