//! A local web application over nfcapd files: a chart, top lists and flows, by nfdump's filters.
//!
//! [`Server`] answers browsers and other programs on this machine with a page and a JSON interface under `/api/v1/`,
//! which `/api/v1/openapi.json` describes. It only reads. For each file a summary is made and kept, so that charts of
//! everything need no file; whatever has a filter is read from the files.
//!
//! What a client can do is limited in time, memory and number: see `SECURITY.md`.

mod about;
mod archive;
mod assets;
mod body;
mod cache;
mod codec;
mod export;
mod flows;
mod guard;
mod index;
mod params;
mod problem;
mod run;
mod server;
mod service;
mod settings;
mod summary;
mod table;
mod top;
mod view;

pub use server::{Lister, Server};
pub use service::random;
pub use settings::Settings;
