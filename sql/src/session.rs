//! Sessions that know flows: functions, rules, tables.

use std::path::PathBuf;
use std::sync::Arc;

use datafusion::catalog::{TableFunction, TableFunctionImpl};
use datafusion::common::Result;
use datafusion::execution::SessionStateBuilder;
use datafusion::prelude::{SessionConfig, SessionContext};

use crate::catalog::{self, About};
use crate::functions::udfs;
use crate::rules::{AddressRule, TextPlanner, sum};
use crate::table::FlowTable;
use crate::table::options::TableOptions;
use crate::table_functions::{
    NFCAPD, NamedArguments, NfcapdFactory, NfcapdFunction, PARQUET, ParquetFunction,
};

/// The settings that scans of nfcapd files are good with, to be changed at will.
///
/// Files from 2 MiB on are divided among threads: a block has about 1 MiB. Queries may list the tables.
#[must_use]
pub fn config() -> SessionConfig {
    let mut config = SessionConfig::new().with_information_schema(true);
    let options = config.options_mut();
    options.optimizer.repartition_file_min_size = 2 << 20;
    // Mistakes are shown with their place.
    options.sql_parser.collect_spans = true;
    config
}

/// Adds functions, table functions, rules and the format NFCAPD to a session that is being built.
///
/// The session compares addresses with text, shows sums of 64-bit counters as decimals that do not wrap, and knows
/// [`functions`](crate::functions()). `options` are those of tables that queries name by path.
#[must_use]
pub fn extend(mut builder: SessionStateBuilder, options: &TableOptions) -> SessionStateBuilder {
    let planners = builder.expr_planners().get_or_insert_default();
    planners.insert(0, Arc::new(TextPlanner));
    let relations = builder.relation_planners().get_or_insert_default();
    relations.push(Arc::new(NamedArguments));
    let scalar = builder.scalar_functions().get_or_insert_default();
    scalar.extend(udfs().iter().cloned());
    let aggregates = builder.aggregate_functions().get_or_insert_default();
    aggregates.push(Arc::new(sum()));
    let analyzer = builder.analyzer().get_or_insert_default();
    // Types are made equal after it.
    analyzer.rules.insert(0, Arc::new(AddressRule));
    let tables = builder.table_functions().get_or_insert_default();
    let named: [(&str, Arc<dyn TableFunctionImpl>); 2] = [
        (NFCAPD, Arc::new(NfcapdFunction(options.clone()))),
        (PARQUET, Arc::new(ParquetFunction)),
    ];
    for (name, function) in named {
        let function = TableFunction::new(name.to_owned(), function);
        tables.insert(name.to_owned(), Arc::new(function));
    }
    builder.with_table_factory(
        NFCAPD.to_uppercase(),
        Arc::new(NfcapdFactory(options.clone())),
    )
}

/// A session with everything of DataFusion and of this crate, and no table.
///
/// To set memory, threads or catalogues, use [`extend`] with a builder of your own.
#[must_use]
pub fn session(options: &TableOptions) -> SessionContext {
    let builder = SessionStateBuilder::new()
        .with_config(config())
        .with_default_features();
    SessionContext::new_with_state(extend(builder, options).build()).enable_url_table()
}

/// Registers the tables `flows`, `files`, `exporters`, `samplers` and `interfaces` of these files and directories.
///
/// # Errors
/// As for [`FlowTable::new`].
pub fn register(
    session: &SessionContext,
    paths: impl IntoIterator<Item = impl Into<PathBuf>>,
    options: &TableOptions,
) -> Result<()> {
    let flows = FlowTable::new(paths, options.clone())?;
    for about in About::ALL {
        session.register_table(about.name(), Arc::new(catalog::table(about, &flows)?))?;
    }
    session.register_table("flows", Arc::new(flows))?;
    Ok(())
}
