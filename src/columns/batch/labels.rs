//! The values of the columns `file` and `ident`.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::StringArray;

/// Names and idents of the files that rows come from.
///
/// The columns `file` and `ident` are dictionaries; this is their content. Rows name their file by its
/// number, see [`Rows::add`](crate::columns::Rows::add): the first file is number 0. Cheap to clone.
///
/// Batches that share a `Labels` share its dictionaries, as Arrow IPC files require.
#[derive(Clone, Debug)]
pub struct Labels {
    pub(crate) files: Arc<StringArray>,
    pub(crate) idents: Arc<StringArray>,
    /// For each file the positions of its name and ident in these.
    keys: Arc<[LabelKeys]>,
}

/// Positions in the dictionaries; `None` is null.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LabelKeys {
    pub(crate) file: Option<i32>,
    pub(crate) ident: Option<i32>,
}

impl Default for Labels {
    /// One file without name and ident.
    fn default() -> Self {
        Self::one("", None)
    }
}

impl Labels {
    /// The labels of one file.
    #[must_use]
    pub fn one(name: &str, ident: Option<&[u8]>) -> Self {
        Self::from_files([(name, ident)])
    }

    /// The labels of several files, by number: name and ident of each.
    ///
    /// Bytes of an ident that are not UTF-8 become U+FFFD.
    pub fn from_files<'a>(files: impl IntoIterator<Item = (&'a str, Option<&'a [u8]>)>) -> Self {
        let (mut names, mut idents) = (Vec::new(), Vec::<String>::new());
        let mut keys = Vec::new();
        let mut known = HashMap::new();
        for (name, ident) in files {
            let ident = ident.map(|ident| {
                let ident = String::from_utf8_lossy(ident).into_owned();
                *known.entry(ident.clone()).or_insert_with(|| {
                    idents.push(ident);
                    idents.len() - 1
                })
            });
            keys.push(LabelKeys {
                file: i32::try_from(names.len()).ok(),
                ident: ident.and_then(|ident| i32::try_from(ident).ok()),
            });
            names.push(name);
        }
        Self {
            files: Arc::new(StringArray::from_iter_values(names)),
            idents: Arc::new(StringArray::from_iter_values(idents)),
            keys: keys.into(),
        }
    }

    /// Where the labels of a file are.
    pub(crate) fn keys_of(&self, file: u32) -> Option<LabelKeys> {
        self.keys.get(file as usize).copied()
    }
}
