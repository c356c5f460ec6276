// The one place that says how bindings are made: an expression, included by build.rs (feature
// `bindgen`) and by the test that compares the pregenerated bindings with fresh ones.
bindgen::Builder::default()
    .allowlist_item("(nfdump|NFDUMP)_.*")
    .use_core()
    .default_enum_style(bindgen::EnumVariation::Consts)
    .prepend_enum_name(false)
    .derive_default(true)
    .layout_tests(true)
    .generate_comments(false)
    .rust_target(bindgen::RustTarget::stable(88, 0).expect("the MSRV is a known target"))
    .rust_edition(bindgen::RustEdition::Edition2024)
