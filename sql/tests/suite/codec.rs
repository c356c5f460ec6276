//! Plans as bytes: what goes in comes out, and other bytes are errors.

use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;
use std::sync::Arc;

use datafusion::common::{Result, plan_err};
use datafusion::execution::TaskContext;
use datafusion::physical_plan::{ExecutionPlan, collect, displayable};
use datafusion::prelude::SessionContext;
use datafusion_proto::bytes::{
    physical_plan_from_bytes_with_extension_codec, physical_plan_to_bytes_with_extension_codec,
};
use datafusion_proto::physical_plan::{PhysicalExtensionCodec, PhysicalProtoConverterExtension};
use nfdecode_sql::{FlowCodec, TableOptions};

use crate::support::{archive, cells, session_of};

/// A session whose plans can be sent.
fn travelling(paths: &[PathBuf], options: &TableOptions) -> SessionContext {
    let session = session_of(paths, options);
    let state = session.state_ref();
    let mut state = state.write();
    let config = state.config_mut();
    *config = FlowCodec::prepare(config.clone());
    drop(state);
    session
}

async fn plan(session: &SessionContext, sql: &str) -> Arc<dyn ExecutionPlan> {
    let frame = session.sql(sql).await.expect("a query");
    frame.create_physical_plan().await.expect("a plan")
}

fn encoded(plan: &Arc<dyn ExecutionPlan>, codec: &FlowCodec) -> Vec<u8> {
    let bytes = physical_plan_to_bytes_with_extension_codec(Arc::clone(plan), codec);
    bytes.expect("bytes").to_vec()
}

#[tokio::test(flavor = "multi_thread")]
async fn plans_survive_bytes() {
    // Bytes, blanks and signs in a path that other formats would change.
    let folder = tempfile::tempdir().expect("a folder");
    let strange = folder
        .path()
        .join(std::ffi::OsStr::from_bytes(b"a b%20\xFF\xC3\xA4?#"));
    fs::create_dir(&strange).expect("made");
    let file = strange.join("nfcapd.202611241330");
    fs::copy(archive().join("nfcapd.202611241330"), &file).expect("copied");
    let options = TableOptions::new();
    let session = travelling(&[archive(), file], &options);
    let codec = FlowCodec::new(&options);
    for sql in [
        "SELECT * FROM flows ORDER BY first, src_addr, src_port, dst_addr, dst_port, file LIMIT 9",
        "SELECT file, count(*), sum(in_bytes) FROM flows GROUP BY 1 ORDER BY 1",
        "SELECT count(*) FROM flows WHERE src_addr = '192.0.2.0/24' OR dst_port IN (53, 443)",
        "SELECT count(*) FROM flows WHERE nfdump('proto udp and not (src port > 1024 or packets > 10)')",
        "SELECT count(*) FROM flows WHERE first >= '2026-11-24T13:30:00.123Z'",
        "SELECT count(*) FROM flows WHERE ident = 'a b\"c'",
        "SELECT proto_name(proto), net(src_addr, 24), tcp_flags(tcp_flags) FROM flows ORDER BY 1, 2, 3",
    ] {
        let plan = plan(&session, sql).await;
        let bytes = encoded(&plan, &codec);
        let context = session.task_ctx();
        let decoded = physical_plan_from_bytes_with_extension_codec(&bytes, &context, &codec)
            .unwrap_or_else(|error| panic!("{sql}: {error}"));
        let shown =
            |plan: &Arc<dyn ExecutionPlan>| displayable(plan.as_ref()).indent(true).to_string();
        assert_eq!(shown(&decoded), shown(&plan), "{sql}");
        let rows = collect(plan, Arc::clone(&context)).await.expect("rows");
        let again = collect(decoded, context).await.expect("rows");
        assert_eq!(cells(&again), cells(&rows), "{sql}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn other_bytes_are_errors() {
    let options = TableOptions::new();
    let session = travelling(&[archive()], &options);
    let codec = FlowCodec::new(&options);
    let sql = "SELECT net(src_addr, 24), in_bytes FROM flows WHERE dst_port = 53";
    let scan = {
        let mut plan = plan(&session, sql).await;
        while let Some(child) = plan.children().first().map(|child| Arc::clone(child)) {
            plan = child;
        }
        plan
    };
    let whole = encoded(&scan, &codec);
    let context = session.task_ctx();
    let decode =
        |bytes: &[u8]| physical_plan_from_bytes_with_extension_codec(bytes, &context, &codec);
    assert!(decode(&whole).is_ok());
    for length in 0..whole.len() {
        // An empty message ends early, and is no plan.
        assert!(decode(&whole[..length]).is_err(), "{length} bytes");
    }
    let mut random = fastrand::Rng::with_seed(5);
    for _ in 0..4_000 {
        let mut bytes = whole.clone();
        for _ in 0..random.usize(1..4) {
            let place = random.usize(..bytes.len());
            bytes[place] = random.u8(..);
        }
        // An error, or a plan whose scan is an error or some rows: no panic.
        let Ok(plan) = decode(&bytes) else { continue };
        let _ = plan.execute(0, Arc::clone(&context));
    }
}

/// A codec of somebody else.
#[derive(Debug)]
struct Other;

impl PhysicalExtensionCodec for Other {
    fn try_decode(
        &self,
        bytes: &[u8],
        _: &[Arc<dyn ExecutionPlan>],
        _: &TaskContext,
        _: &dyn PhysicalProtoConverterExtension,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        plan_err!("the other codec has {} bytes", bytes.len())
    }

    fn try_encode(
        &self,
        node: Arc<dyn ExecutionPlan>,
        bytes: &mut Vec<u8>,
        _: &dyn PhysicalProtoConverterExtension,
    ) -> Result<()> {
        bytes.extend_from_slice(node.name().as_bytes());
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn other_plans_go_to_the_inner_codec() {
    let options = TableOptions::new();
    let paths: [PathBuf; 1] = [archive()];
    let session = travelling(&paths, &options);
    let plan = plan(&session, "SELECT * FROM files").await;
    let alone = FlowCodec::new(&options);
    assert!(physical_plan_to_bytes_with_extension_codec(Arc::clone(&plan), &alone).is_err());
    let both = FlowCodec::new(&options).with_inner(Arc::new(Other));
    let bytes = encoded(&plan, &both);
    let error = physical_plan_from_bytes_with_extension_codec(&bytes, &session.task_ctx(), &both)
        .expect_err("no plan");
    assert!(
        error.to_string().contains("the other codec has 18 bytes"),
        "{error}"
    );
}
