//! The table of flows in a DataFusion session of one's own: `cargo run --example session -- PATH…`
//!
//! Prints the sources with the most traffic, and what was wrong with the files.

use std::path::PathBuf;
use std::sync::Arc;

use nfdecode_sql::datafusion::common::Result;
use nfdecode_sql::datafusion::execution::SessionStateBuilder;
use nfdecode_sql::datafusion::prelude::{SessionConfig, SessionContext};
use nfdecode_sql::{DamageLog, FlowTable, OnDamage, TableOptions, extend, to_text};

#[tokio::main]
async fn main() -> Result<()> {
    let paths = std::env::args_os().skip(1).map(PathBuf::from);
    let log = DamageLog::new();
    let options = TableOptions::new().on_damage(OnDamage::Log(log.clone()));

    // Any configuration, catalogue and runtime; `extend` adds the functions, and what text beside addresses means.
    let builder = SessionStateBuilder::new()
        .with_config(SessionConfig::new().with_target_partitions(4))
        .with_default_features();
    let session = SessionContext::new_with_state(extend(builder, &options).build());
    session.register_table("edge", Arc::new(FlowTable::new(paths, options)?))?;

    let query = "SELECT src_addr, sum(in_bytes) AS bytes FROM edge WHERE dst_addr <> '192.0.2.1' GROUP BY 1 ORDER BY 2 DESC LIMIT 5";
    for batch in session.sql(query).await?.collect().await? {
        println!("{:?}", to_text(&batch)?.columns());
    }
    for line in log.take() {
        eprintln!("{line}");
    }
    Ok(())
}
