//! The public interface is what `docs/api.txt` says, and a change of it is seen in review.
//!
//! The listing is read from the sources: everything `pub` in modules of this crate without bodies,
//! private parts and documentation. Items of private modules stand there too, since they can be
//! exported under another path; `pub use` lines tell which are. What the element table generates is
//! listed from the table.
#![allow(missing_docs)]

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use nfdecode::element::ELEMENTS;
use syn::punctuated::Punctuated;
use syn::{Attribute, Fields, ImplItem, Item, TraitItem, Visibility};

/// A source file: path of its module, attributes that say when it is there, and items.
struct Source {
    module: String,
    items: Vec<Item>,
}

fn is_public(visibility: &Visibility) -> bool {
    matches!(visibility, Visibility::Public(_))
}

fn is_hidden(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("doc")
            && attribute
                .parse_args::<syn::Ident>()
                .is_ok_and(|word| word == "hidden")
            || attribute.path().is_ident("cfg")
                && attribute
                    .parse_args::<syn::Ident>()
                    .is_ok_and(|word| word == "test")
    })
}

/// Of the attributes those that matter to users.
fn keep(attributes: &mut Vec<Attribute>) {
    attributes.retain(|attribute| {
        [
            "cfg",
            "deprecated",
            "derive",
            "must_use",
            "non_exhaustive",
            "repr",
        ]
        .iter()
        .any(|name| attribute.path().is_ident(name))
    });
}

/// Reads a file and those of its modules.
fn read(path: &Path, directory: &Path, module: &str, sources: &mut Vec<Source>) {
    let text = fs::read_to_string(path).expect("a source file");
    let file = syn::parse_file(&text).expect("Rust");
    for item in &file.items {
        let Item::Mod(child) = item else { continue };
        if child.content.is_some() || is_hidden(&child.attrs) {
            continue;
        }
        let name = child.ident.to_string();
        let own = directory.join(&name);
        let flat = directory.join(format!("{name}.rs"));
        let path = if flat.exists() {
            flat
        } else {
            own.join("mod.rs")
        };
        read(&path, &own, &format!("{module}::{name}"), sources);
    }
    sources.push(Source {
        module: module.to_owned(),
        items: file.items,
    });
}

/// Names of public types, whose impls count.
fn public_types(sources: &[Source]) -> BTreeSet<String> {
    let items = sources.iter().flat_map(|source| &source.items);
    items
        .filter_map(|item| match item {
            Item::Struct(item) if is_public(&item.vis) => Some(item.ident.to_string()),
            Item::Enum(item) if is_public(&item.vis) => Some(item.ident.to_string()),
            _ => None,
        })
        .collect()
}

fn empty_block() -> syn::Block {
    syn::parse_quote!({})
}

/// Takes private fields away, and leaves a mark that there are some.
fn strip_fields(fields: &mut Fields) {
    match fields {
        Fields::Named(named) => {
            let (mut kept, mut private) = (Punctuated::new(), false);
            for mut field in std::mem::take(&mut named.named) {
                keep(&mut field.attrs);
                if is_public(&field.vis) {
                    kept.push(field);
                } else {
                    private = true;
                }
            }
            if private {
                kept.push(syn::parse_quote!(private: ()));
            }
            named.named = kept;
        }
        Fields::Unnamed(unnamed) => {
            for field in &mut unnamed.unnamed {
                keep(&mut field.attrs);
                if !is_public(&field.vis) {
                    field.vis = Visibility::Inherited;
                    field.ty = syn::parse_quote!(());
                }
            }
        }
        _ => {}
    }
}

/// The public skeleton of an item, if it has one.
fn strip(item: Item, types: &BTreeSet<String>) -> Option<Item> {
    match item {
        Item::Fn(mut item) if is_public(&item.vis) && !is_hidden(&item.attrs) => {
            keep(&mut item.attrs);
            *item.block = empty_block();
            Some(Item::Fn(item))
        }
        Item::Struct(mut item) if is_public(&item.vis) && !is_hidden(&item.attrs) => {
            keep(&mut item.attrs);
            strip_fields(&mut item.fields);
            Some(Item::Struct(item))
        }
        Item::Enum(mut item) if is_public(&item.vis) => {
            keep(&mut item.attrs);
            for variant in &mut item.variants {
                keep(&mut variant.attrs);
                for field in &mut variant.fields {
                    keep(&mut field.attrs);
                }
            }
            Some(Item::Enum(item))
        }
        Item::Trait(mut item) if is_public(&item.vis) => {
            keep(&mut item.attrs);
            for member in &mut item.items {
                match member {
                    TraitItem::Fn(function) => {
                        keep(&mut function.attrs);
                        if function.default.is_some() {
                            function.default = Some(empty_block());
                        }
                    }
                    TraitItem::Type(kind) => keep(&mut kind.attrs),
                    TraitItem::Const(constant) => keep(&mut constant.attrs),
                    _ => {}
                }
            }
            Some(Item::Trait(item))
        }
        Item::Impl(mut item) => {
            keep(&mut item.attrs);
            let syn::Type::Path(path) = &*item.self_ty else {
                return None;
            };
            let name = path.path.segments.last()?.ident.to_string();
            if !types.contains(&name) {
                return None;
            }
            if item.trait_.is_some() {
                // What a trait asks for is there; associated types are a choice.
                item.items
                    .retain(|member| matches!(member, ImplItem::Type(_)));
                return Some(Item::Impl(item));
            }
            item.items.retain_mut(|member| match member {
                ImplItem::Fn(function) => {
                    let listed = is_public(&function.vis) && !is_hidden(&function.attrs);
                    keep(&mut function.attrs);
                    function.block = empty_block();
                    listed
                }
                ImplItem::Const(constant) => {
                    keep(&mut constant.attrs);
                    is_public(&constant.vis)
                }
                _ => false,
            });
            (!item.items.is_empty()).then_some(Item::Impl(item))
        }
        Item::Use(mut item) if is_public(&item.vis) => {
            keep(&mut item.attrs);
            Some(Item::Use(item))
        }
        Item::Type(mut item) if is_public(&item.vis) => {
            keep(&mut item.attrs);
            Some(Item::Type(item))
        }
        Item::Const(mut item) if is_public(&item.vis) => {
            keep(&mut item.attrs);
            Some(Item::Const(item))
        }
        Item::Static(mut item) if is_public(&item.vis) => {
            keep(&mut item.attrs);
            *item.expr = syn::parse_quote!(..);
            Some(Item::Static(item))
        }
        Item::Mod(mut item) if is_public(&item.vis) && !is_hidden(&item.attrs) => {
            keep(&mut item.attrs);
            Some(Item::Mod(item))
        }
        _ => None,
    }
}

fn listing() -> String {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut sources = Vec::new();
    read(&root.join("lib.rs"), &root, "nfdecode", &mut sources);
    sources.sort_by(|a, b| a.module.cmp(&b.module));
    let types = public_types(&sources);
    let mut text = String::from(
        "// The public interface of nfdecode, made from its sources by\n\
         //     NFDECODE_REGENERATE=1 cargo test --test api\n\
         // Do not edit. What changes here changes for users.\n",
    );
    for source in sources {
        let items: Vec<_> = source
            .items
            .into_iter()
            .filter_map(|item| strip(item, &types))
            .collect();
        if items.is_empty() {
            continue;
        }
        let mut file = syn::parse_file("").expect("an empty file");
        file.items = items;
        let skeleton = prettyplease::unparse(&file).replace(" {}\n", ";\n");
        write!(text, "\n// ---- {}\n\n{skeleton}", source.module).expect("a String");
    }
    text.push_str("\n// ---- accessors of nfdecode::Flow, from the element table\n\n");
    for field in ELEMENTS.iter().flat_map(|element| element.fields) {
        writeln!(
            text,
            "{}: {:?}, {:?}",
            field.name, field.kind, field.condition
        )
        .expect("a String");
    }
    text
}

#[test]
fn the_interface_is_the_reviewed_one() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/api.txt");
    let listing = listing();
    if std::env::var_os("NFDECODE_REGENERATE").is_some() {
        fs::write(&path, &listing).expect("the listing can be written");
    }
    let kept = fs::read_to_string(&path).unwrap_or_default();
    let changed: Vec<_> = listing
        .lines()
        .filter(|line| !kept.lines().any(|known| known == *line))
        .map(|line| format!("+ {line}"))
        .chain(
            kept.lines()
                .filter(|line| !listing.lines().any(|known| known == *line))
                .map(|line| format!("- {line}")),
        )
        .collect();
    assert!(
        kept == listing,
        "the public interface has changed; if that is wanted, NFDECODE_REGENERATE=1 cargo test --test api\n{}",
        changed.join("\n")
    );
}
