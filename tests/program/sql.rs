//! `nfdecode sql`: another program, found in `PATH`, or one line on how to install it.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use crate::support::{nfdecode, stderr};

#[test]
fn the_program_for_sql_is_found_or_explained() {
    let folder = tempfile::tempdir().expect("a folder");
    let words = ["sql", "archive", "-f", "csv", "SELECT 1"];
    let absent = nfdecode()
        .args(words)
        .env("PATH", folder.path())
        .output()
        .expect("the program starts");
    assert_eq!(absent.status.code(), Some(1));
    let message = stderr(&absent);
    assert!(message.contains("cargo install --path sql"), "{message}");
    assert_eq!(message.lines().count(), 1, "{message}");

    let other = folder.path().join("nfdecode-sql");
    fs::write(&other, "#!/bin/sh\nprintf '%s|' \"$@\"\nexit 3\n").expect("written");
    fs::set_permissions(&other, fs::Permissions::from_mode(0o755)).expect("executable");
    let found = nfdecode()
        .args(words)
        .env("PATH", folder.path())
        .output()
        .expect("the program starts");
    assert_eq!(found.stdout, b"archive|-f|csv|SELECT 1|");
    assert_eq!(found.status.code(), Some(3));
}
