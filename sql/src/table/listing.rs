//! From paths to files: the rules of `nfdecode read`.
//!
//! Lists files. Opens only those in directories whose names do not identify them as nfcapd files.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fs, io};

use datafusion::common::{DataFusionError, Result};
use nfdecode::FileSet;

use crate::error::external;
use crate::table::damage::DamageLog;

/// A file to read.
#[derive(Clone, Debug)]
pub(crate) struct Listed {
    pub(crate) path: PathBuf,
    /// Its value in the column `file`: the last part of its path, or the whole path where names would clash.
    pub(crate) name: Arc<str>,
}

/// All files of these paths: files, directories, patterns. Parts of directories that cannot be searched are damage.
pub(crate) fn list(paths: &[PathBuf], log: &DamageLog) -> Result<Vec<Listed>> {
    let mut found = Vec::new();
    for path in paths {
        expand(path, log, &mut found)?;
    }
    let name = |path: &Path| {
        let name = path.file_name().unwrap_or(path.as_os_str());
        name.to_string_lossy().into_owned()
    };
    let mut uses: HashMap<String, usize> = HashMap::new();
    for path in &found {
        *uses.entry(name(path)).or_default() += 1;
    }
    let listed = found.into_iter().map(|path| {
        let short = name(&path);
        let name = match uses.get(&short) {
            Some(1) => short,
            _ => path.display().to_string(),
        };
        Listed {
            path,
            name: name.into(),
        }
    });
    Ok(listed.collect())
}

fn expand(path: &Path, log: &DamageLog, found: &mut Vec<PathBuf>) -> Result<()> {
    let failed = |reason: &dyn std::fmt::Display| {
        DataFusionError::Execution(format!("{}: {reason}", path.display()))
    };
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => {
            let set = FileSet::in_directory(path).map_err(external)?;
            for problem in set.problems() {
                log.add(problem.to_string());
            }
            let problems: Vec<_> = set.problems().filter_map(|error| error.file()).collect();
            let before = found.len();
            found.extend(
                set.paths()
                    .filter(|path| !problems.contains(path))
                    .map(Path::to_owned),
            );
            match found.len() == before {
                true => Err(failed(&"no nfcapd files in this directory")),
                false => Ok(()),
            }
        }
        Ok(_) => {
            found.push(path.to_owned());
            Ok(())
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let pattern = path.to_str().filter(|text| text.contains(['*', '?', '[']));
            let Some(pattern) = pattern else {
                return Err(failed(&"no such file or directory"));
            };
            let matches = glob::glob(pattern).map_err(|error| failed(&error))?;
            let mut matched: Vec<PathBuf> = matches.filter_map(std::result::Result::ok).collect();
            matched.retain(|path| !nfdecode::scan::is_unfinished(path));
            if matched.is_empty() {
                return Err(failed(&"no file matches this pattern"));
            }
            for path in matched {
                match path.is_dir() {
                    // A directory without flow files beside others is no mistake.
                    true => {
                        let set = FileSet::in_directory(&path).map_err(external)?;
                        found.extend(set.paths().map(Path::to_owned));
                    }
                    false => found.push(path),
                }
            }
            Ok(())
        }
        Err(error) => Err(failed(&error)),
    }
}
