//! stub
use super::args::ConvertArgs;
use super::report::{Report, Stop};
pub(super) fn run(_args: &ConvertArgs, _report: &Report) -> Result<(), Stop> {
    Err(Stop::failed("stub"))
}
