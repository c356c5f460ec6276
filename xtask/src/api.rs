//! Compares the public interface of the library with the list that is kept in `docs/api.txt`.
//!
//! The list is made from rustdoc's JSON by the crate `public-api`. That JSON has no stable form: with another
//! compiler than the one that the crate was made for, there is nothing to compare.

use std::env;
use std::fs;

use public_api::Builder;

use crate::shell::{self, Failure, run_with};

const KEPT: &str = "docs/api.txt";

/// Fails if the interface is not the kept one. With `NFDECODE_REGENERATE`, writes the list instead.
pub(crate) fn check() -> Result<(), Failure> {
    run_with(
        "cargo rustdoc --quiet -p nfdecode --lib --all-features --target-dir target/api -- \
         -Zunstable-options --output-format json --cap-lints allow",
        &[("RUSTC_BOOTSTRAP", "1")],
    )?;
    let json = shell::root().join("target/api/doc/nfdecode.json");
    let listed = Builder::from_rustdoc_json(json)
        .omit_blanket_impls(true)
        .omit_auto_trait_impls(true)
        .omit_auto_derived_impls(true)
        .build();
    let api = match listed {
        Ok(api) => api,
        Err(error) => {
            println!("not compared: the rustdoc JSON of this compiler is not understood: {error}");
            return Ok(());
        }
    };
    let mut list: String = api.items().map(|item| format!("{item}\n")).collect();
    list.insert_str(
        0,
        "# The public interface with all features: cargo xtask generate\n",
    );
    let path = shell::root().join(KEPT);
    if env::var_os("NFDECODE_REGENERATE").is_some() {
        return fs::write(&path, list).map_err(|error| format!("{KEPT}: {error}"));
    }
    let kept = fs::read_to_string(&path).unwrap_or_default();
    if kept == list {
        return Ok(());
    }
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
    let (old, new) = (lines(&kept), lines(&list));
    old.iter()
        .filter(|line| !new.contains(line))
        .for_each(|line| println!("- {line}"));
    new.iter()
        .filter(|line| !old.contains(line))
        .for_each(|line| println!("+ {line}"));
    Err(
        "the public interface has changed: if that is intended, NFDECODE_REGENERATE=1 cargo xtask api, and a line in \
         CHANGELOG.md"
            .to_owned(),
    )
}
