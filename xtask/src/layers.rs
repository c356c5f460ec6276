//! Checks the layers of the source: no import circles, rooms in their order, `unsafe` where it belongs.
//!
//! Reads `use` declarations and paths that begin with `crate::`, resolves them to files, and looks at the
//! graph. Code for tests only is left out. Does not see what macros make.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use syn::visit::{self, Visit};

use crate::shell::{self, Failure};

/// The rooms of the library: a file imports only its own room and rooms before it.
const ROOMS: [&str; 16] = [
    "error",
    "suggest",
    "raw",
    "value",
    "flow",
    "file",
    "scan",
    "inspect",
    "payload",
    "filter",
    "output",
    "columns",
    "writer",
    "aggregate",
    "follow",
    "convert",
];

/// Files that may hold `unsafe`, each with its reason.
const UNSAFE: [(&str, &str); 2] = [
    ("src/raw.rs", "the layer over the C library"),
    (
        "src/convert/isolation.rs",
        "processes: what no safe wrapper offers",
    ),
];

/// Lines that a file may have. Longer ones say in their module doc why they are one.
const LINES_MAX: usize = 600;

/// Checks everything that this module knows about.
pub(crate) fn check() -> Result<(), Failure> {
    let mut problems = Vec::new();
    for package in ["", "cli", "python", "sql", "web", "xtask"] {
        let source = shell::root().join(package).join("src");
        if source.is_dir() {
            check_package(&source, package, &mut problems)?;
        }
    }
    if problems.is_empty() {
        return Ok(());
    }
    problems.iter().for_each(|problem| eprintln!("{problem}"));
    Err(format!("{} problems", problems.len()))
}

fn check_package(source: &Path, package: &str, problems: &mut Vec<String>) -> Result<(), Failure> {
    let files = Files::read(source)?;
    let imports = files.imports();
    for circle in circles(&imports) {
        let names: Vec<_> = circle.iter().map(|file| shown(file)).collect();
        problems.push(format!("import circle: {}", names.join(" -> ")));
    }
    if package.is_empty() {
        for (from, imported) in &imports {
            for to in imported {
                if rank(source, from) < rank(source, to) {
                    problems.push(format!(
                        "against the order of rooms: {} imports {}",
                        shown(from),
                        shown(to)
                    ));
                }
            }
        }
    }
    for file in &files.0 {
        let name = shown(&file.path);
        if file.has_unsafe && !UNSAFE.iter().any(|(allowed, _)| *allowed == name) {
            problems.push(format!("{name} has `unsafe`"));
        }
        let lines = file.lines;
        if lines > LINES_MAX && !file.says_why_long {
            problems.push(format!(
                "{name} has {lines} lines: split it, or say why it is one file in its module doc (`One file: …`)"
            ));
        }
    }
    println!(
        "{}: {} files, {} imports",
        shown(source),
        files.0.len(),
        imports.values().map(BTreeSet::len).sum::<usize>()
    );
    Ok(())
}

fn shown(path: &Path) -> String {
    let root = shell::root();
    path.strip_prefix(&root)
        .unwrap_or(path)
        .display()
        .to_string()
}

/// The place of a file's room in the order; files outside of all rooms, such as `lib.rs`, come last.
fn rank(source: &Path, file: &Path) -> usize {
    let inner = file.strip_prefix(source).unwrap_or(file);
    let first = inner.components().next();
    let name = first.map(|part| Path::new(part.as_os_str()).with_extension(""));
    let found = name.and_then(|name| ROOMS.iter().position(|room| Path::new(room) == name));
    found.unwrap_or(ROOMS.len())
}

/// A source file and what it imports.
struct Source {
    path: PathBuf,
    paths: Vec<Vec<String>>,
    has_unsafe: bool,
    says_why_long: bool,
    lines: usize,
}

/// The files of a package.
struct Files(Vec<Source>);

impl Files {
    fn read(source: &Path) -> Result<Self, Failure> {
        let mut found = Vec::new();
        collect(source, &mut found)?;
        Ok(Self(found))
    }

    /// The files that each file imports.
    fn imports(&self) -> BTreeMap<PathBuf, BTreeSet<PathBuf>> {
        let mut imports = BTreeMap::new();
        for file in &self.0 {
            let found = file
                .paths
                .iter()
                .filter_map(|path| self.resolve(file, path));
            let others = found.filter(|to| *to != file.path).collect();
            imports.insert(file.path.clone(), others);
        }
        imports
    }

    /// The file that a path after `crate` leads into: the deepest one that exists.
    fn resolve(&self, from: &Source, path: &[String]) -> Option<PathBuf> {
        let source = from.path.ancestors().find(|path| path.ends_with("src"))?;
        (1..=path.len()).rev().find_map(|length| {
            let stem: PathBuf = path.get(..length)?.iter().collect();
            let candidates = [
                source.join(&stem).with_extension("rs"),
                source.join(&stem).join("mod.rs"),
            ];
            candidates
                .into_iter()
                .find(|candidate| self.0.iter().any(|file| file.path == *candidate))
        })
    }
}

fn collect(folder: &Path, found: &mut Vec<Source>) -> Result<(), Failure> {
    let failed = |error: std::io::Error| format!("{}: {error}", folder.display());
    let mut entries = fs::read_dir(folder)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(failed)?;
    entries.sort_by_key(fs::DirEntry::path);
    for path in entries.iter().map(fs::DirEntry::path) {
        if path.is_dir() {
            collect(&path, found)?;
        } else if path.extension().is_some_and(|ending| ending == "rs")
            && !path.ends_with("tests.rs")
        {
            let text = fs::read_to_string(&path).map_err(failed)?;
            let parsed =
                syn::parse_file(&text).map_err(|error| format!("{}: {error}", path.display()))?;
            let mut seen = Seen::default();
            seen.visit_file(&parsed);
            let doc = |line: &&str| line.starts_with("//!");
            found.push(Source {
                path,
                paths: seen.paths,
                has_unsafe: seen.has_unsafe,
                says_why_long: text
                    .lines()
                    .filter(doc)
                    .any(|line| line.contains("One file:")),
                lines: text.lines().count(),
            });
        }
    }
    Ok(())
}

/// Paths that begin with `crate`, without `crate`.
#[derive(Default)]
struct Seen {
    paths: Vec<Vec<String>>,
    has_unsafe: bool,
}

impl<'ast> Visit<'ast> for Seen {
    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        let is_test = |attribute: &syn::Attribute| {
            attribute.path().is_ident("cfg")
                && attribute
                    .parse_args::<syn::Ident>()
                    .is_ok_and(|name| name == "test")
        };
        if !module.attrs.iter().any(is_test) {
            visit::visit_item_mod(self, module);
        }
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        // A re-export in a room's `mod.rs` is not an import of it.
        if matches!(item.vis, syn::Visibility::Inherited) {
            walk(&item.tree, &mut Vec::new(), &mut self.paths);
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let mut segments = path.segments.iter().map(|part| part.ident.to_string());
        if segments.next().is_some_and(|first| first == "crate") {
            self.paths.push(segments.collect());
        }
        visit::visit_path(self, path);
    }

    fn visit_expr_unsafe(&mut self, block: &'ast syn::ExprUnsafe) {
        self.has_unsafe = true;
        visit::visit_expr_unsafe(self, block);
    }

    fn visit_item_impl(&mut self, item: &'ast syn::ItemImpl) {
        self.has_unsafe |= item.unsafety.is_some();
        visit::visit_item_impl(self, item);
    }
}

fn walk(tree: &syn::UseTree, before: &mut Vec<String>, found: &mut Vec<Vec<String>>) {
    match tree {
        syn::UseTree::Path(path) => {
            before.push(path.ident.to_string());
            walk(&path.tree, before, found);
            before.pop();
        }
        syn::UseTree::Group(group) => {
            for tree in &group.items {
                walk(tree, before, found);
            }
        }
        syn::UseTree::Name(syn::UseName { ident })
        | syn::UseTree::Rename(syn::UseRename { ident, .. }) => {
            let whole = before.iter().cloned().chain([ident.to_string()]);
            push(whole.collect(), found);
        }
        syn::UseTree::Glob(_) => push(before.clone(), found),
    }
}

fn push(path: Vec<String>, found: &mut Vec<Vec<String>>) {
    if path.first().is_some_and(|first| first == "crate") {
        found.push(path.into_iter().skip(1).collect());
    }
}

/// Sets of files that import each other, directly or through others.
fn circles(imports: &BTreeMap<PathBuf, BTreeSet<PathBuf>>) -> Vec<Vec<PathBuf>> {
    let reach = |from: &PathBuf| {
        let mut seen = BTreeSet::new();
        let mut left = vec![from];
        while let Some(file) = left.pop() {
            for next in imports.get(file).into_iter().flatten() {
                if seen.insert(next) {
                    left.push(next);
                }
            }
        }
        seen
    };
    let reached: BTreeMap<_, _> = imports.keys().map(|file| (file, reach(file))).collect();
    let mut circles: Vec<Vec<PathBuf>> = Vec::new();
    for (file, others) in &reached {
        if !others.contains(*file) || circles.iter().flatten().any(|known| known == *file) {
            continue;
        }
        let is_back = |other: &&&PathBuf| {
            reached
                .get(**other)
                .is_some_and(|reach| reach.contains(*file))
        };
        circles.push(
            others
                .iter()
                .filter(is_back)
                .map(|other| (*other).clone())
                .collect(),
        );
    }
    circles
}
