//! The documentation as a site: builds it from the repository's pages and looks at what it loads.
//!
//! Everything is below `target/site`. A link that leads nowhere fails the step.

use std::fs;
use std::path::Path;

use crate::shell::{Failure, root, run};

const BIN: &str = "target/site/env/bin";

pub(crate) fn step() -> Result<(), Failure> {
    run("python3 -m venv target/site/env")?;
    run(&format!(
        "{BIN}/pip install -q -r packaging/site/requirements.txt"
    ))?;
    run(&format!("{BIN}/python packaging/site/pages.py"))?;
    run(&format!(
        "{BIN}/zensical build --strict --clean -f target/site/mkdocs.yml"
    ))?;
    let pages = look_at(&root().join("target/site/html"))?;
    println!("{pages} pages in target/site/html, which load nothing from elsewhere");
    Ok(())
}

/// Counts the pages below a directory. No page may load a script, a style or a picture from another host.
fn look_at(directory: &Path) -> Result<usize, Failure> {
    let failed = |error: std::io::Error| format!("{}: {error}", directory.display());
    let mut pages = 0;
    for entry in fs::read_dir(directory).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.is_dir() {
            pages += look_at(&path)?;
        } else if path
            .extension()
            .is_some_and(|extension| extension == "html")
        {
            let text = fs::read_to_string(&path).map_err(failed)?;
            if let Some(foreign) = foreign(&text) {
                return Err(format!("{} loads {foreign}", path.display()));
            }
            pages += 1;
        }
    }
    Ok(pages)
}

/// What a page loads from another host.
fn foreign(page: &str) -> Option<&str> {
    page.split('<')
        .filter(|tag| {
            ["script", "link", "img", "iframe"]
                .iter()
                .any(|name| tag.starts_with(name))
        })
        .find(|tag| tag.contains("=\"http") && !tag.contains("rel=\"canonical\""))
}
