//! Compiles `floor.c`, the least that any reader has to do.
#![forbid(unsafe_code)]

fn main() {
    println!("cargo::rerun-if-changed=floor.c");
    cc::Build::new()
        .file("floor.c")
        .include("../../vendor/libnfdump/include")
        .include("../../vendor/libnfdump/src")
        .std("c17")
        .warnings(true)
        .opt_level(3)
        .compile("floor");
}
