//! Tables that a query names by where they are: `nfcapd('archive/*', salvage => true)`, `parquet('lake/')`, and
//! `CREATE EXTERNAL TABLE … STORED AS NFCAPD`.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::datatypes::DataType;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableFunctionImpl, TableProvider, TableProviderFactory};
use datafusion::common::{Result, plan_datafusion_err, plan_err};
use datafusion::datasource::file_format::parquet::ParquetFormat;
use datafusion::datasource::listing::{
    ListingOptions, ListingTable, ListingTableConfig, ListingTableUrl,
};
use datafusion::logical_expr::planner::{
    RelationPlanner, RelationPlannerContext, RelationPlanning,
};
use datafusion::logical_expr::{CreateExternalTable, Expr};
use datafusion::sql::sqlparser::ast::{
    Expr as Ast, FunctionArg, FunctionArgExpr, Ident, ObjectName, TableFactor, Value,
};
use parquet::arrow::arrow_reader::ArrowReaderMetadata;

use crate::table::FlowTable;
use crate::table::options::TableOptions;

/// The name of the function that reads nfcapd files.
pub(crate) const NFCAPD: &str = "nfcapd";
/// The name of the function that reads Parquet files.
pub(crate) const PARQUET: &str = "parquet";
/// Before the name of an argument, in the text that stands for both.
const NAMED: &str = "\u{0}";

/// `nfcapd(path, …, salvage => true)`
#[derive(Debug)]
pub(crate) struct NfcapdFunction(pub(crate) TableOptions);

impl TableFunctionImpl for NfcapdFunction {
    fn call(&self, arguments: &[Expr]) -> Result<Arc<dyn TableProvider>> {
        let mut options = self.0.clone();
        let mut paths = Vec::new();
        for text in texts(NFCAPD, arguments)? {
            match text.strip_prefix(NAMED) {
                None => paths.push(PathBuf::from(text)),
                Some("salvage=true") => options = options.salvage(true),
                Some("salvage=false") => options = options.salvage(false),
                Some(other) => {
                    let (name, value) = other.split_once('=').unwrap_or((other, ""));
                    return plan_err!(
                        "nfcapd(): {name} => {value}: there is only salvage => true or false"
                    );
                }
            }
        }
        if paths.is_empty() {
            return plan_err!("nfcapd('PATH', …): no path, such as nfcapd('archive/2026/*')");
        }
        Ok(Arc::new(FlowTable::new(paths, options)?))
    }
}

/// `parquet(path)`
#[derive(Debug)]
pub(crate) struct ParquetFunction;

impl TableFunctionImpl for ParquetFunction {
    fn call(&self, arguments: &[Expr]) -> Result<Arc<dyn TableProvider>> {
        let texts = texts(PARQUET, arguments)?;
        let [path] = texts.as_slice() else {
            return plan_err!("parquet('PATH'): one path of a file or a directory");
        };
        let path = Path::new(path);
        let failed =
            |reason: &dyn std::fmt::Display| plan_datafusion_err!("{}: {reason}", path.display());
        let file = first_parquet(path)
            .map_err(|error| failed(&error))?
            .ok_or_else(|| failed(&"no Parquet files in this directory"))?;
        let opened = fs::File::open(&file).map_err(|error| failed(&error))?;
        let metadata = ArrowReaderMetadata::load(&opened, Default::default())
            .map_err(|error| failed(&error))?;
        let partitions = file
            .strip_prefix(path)
            .unwrap_or(Path::new(""))
            .iter()
            .filter_map(|part| part.to_str()?.split_once('='))
            .map(|(name, _)| (name.to_owned(), DataType::Utf8));
        let options = ListingOptions::new(Arc::new(ParquetFormat::default()))
            .with_file_extension(".parquet")
            .with_table_partition_cols(partitions.collect());
        // A directory is recognised by its slash.
        let text = path.to_string_lossy();
        let text = match path.is_dir() && !text.ends_with('/') {
            true => format!("{text}/"),
            false => text.into_owned(),
        };
        let config = ListingTableConfig::new(ListingTableUrl::parse(text)?)
            .with_listing_options(options)
            .with_schema(Arc::clone(metadata.schema()));
        Ok(Arc::new(ListingTable::try_new(config)?))
    }
}

/// The first Parquet file at or below a path.
fn first_parquet(path: &Path) -> std::io::Result<Option<PathBuf>> {
    if !fs::metadata(path)?.is_dir() {
        return Ok(Some(path.to_owned()));
    }
    let mut entries: Vec<PathBuf> = fs::read_dir(path)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<std::io::Result<_>>()?;
    entries.sort();
    for entry in entries {
        let is_parquet = entry
            .extension()
            .is_some_and(|extension| extension == "parquet");
        if is_parquet || entry.is_dir() {
            let found = first_parquet(&entry)?;
            if found.is_some() {
                return Ok(found);
            }
        }
    }
    Ok(None)
}

fn texts<'e>(function: &str, arguments: &'e [Expr]) -> Result<Vec<&'e str>> {
    let text = |argument: &'e Expr| match argument {
        Expr::Literal(value, _) => value.try_as_str().flatten(),
        _ => None,
    };
    let texts = arguments.iter().map(text).collect::<Option<Vec<_>>>();
    texts.ok_or_else(|| plan_datafusion_err!("{function}('PATH', …): paths are text in quotes"))
}

/// Makes texts of named arguments, which DataFusion does not hand to table functions.
#[derive(Debug)]
pub(crate) struct NamedArguments;

impl RelationPlanner for NamedArguments {
    fn plan_relation(
        &self,
        mut relation: TableFactor,
        _: &mut dyn RelationPlannerContext,
    ) -> Result<RelationPlanning> {
        if let TableFactor::Table {
            name,
            args: Some(args),
            ..
        } = &mut relation
            && name.to_string().eq_ignore_ascii_case(NFCAPD)
        {
            // Names of functions have no case.
            *name = ObjectName::from(vec![Ident::new(NFCAPD)]);
            for argument in &mut args.args {
                let (name, value) = match argument {
                    FunctionArg::Named { name, arg, .. } => (name.to_string(), arg.to_string()),
                    FunctionArg::ExprNamed { name, arg, .. } => (name.to_string(), arg.to_string()),
                    FunctionArg::Unnamed(_) => continue,
                };
                let text = format!("{NAMED}{name}={value}").to_lowercase();
                let text = Ast::Value(Value::SingleQuotedString(text).into());
                *argument = FunctionArg::Unnamed(FunctionArgExpr::Expr(text));
            }
        }
        Ok(RelationPlanning::Original(Box::new(relation)))
    }
}

/// `CREATE EXTERNAL TABLE name STORED AS NFCAPD LOCATION 'path'`
#[derive(Debug)]
pub(crate) struct NfcapdFactory(pub(crate) TableOptions);

#[async_trait]
impl TableProviderFactory for NfcapdFactory {
    async fn create(
        &self,
        _: &dyn Session,
        command: &CreateExternalTable,
    ) -> Result<Arc<dyn TableProvider>> {
        let mut options = self.0.clone();
        for (name, value) in &command.options {
            options = match (name.trim_start_matches("format."), value.as_str()) {
                ("salvage", "true") => options.salvage(true),
                ("salvage", "false") => options.salvage(false),
                _ => {
                    return plan_err!(
                        "STORED AS NFCAPD: {name} {value}: there is only salvage true or false"
                    );
                }
            };
        }
        Ok(Arc::new(FlowTable::new(
            command.locations.clone(),
            options,
        )?))
    }
}
