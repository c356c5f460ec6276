//! Filter terms of one field against the columns of the same name: an engine that compares columns may select by the
//! term first.

use std::collections::BTreeSet;

use nfdecode::columns::arrow_array::cast::AsArray;
use nfdecode::columns::arrow_array::types::{
    TimestampMillisecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use nfdecode::columns::arrow_array::{Array, ArrayRef};
use nfdecode::columns::arrow_schema::{DataType, TimeUnit};
use nfdecode::columns::{BatchBuilder, Projection};
use nfdecode::filter::terms::NumberTerm;
use nfdecode::filter::{Compare, Expr, Scope};
use nfdecode::{Block, File, Filter};

use crate::support::{corpus, root};

/// The kept inputs of these fuzz targets: files of each layout, most of them damaged.
const LAYOUTS: [&str; 3] = ["file-1", "file-2", "file-3"];

/// The numbers of a column, or `None` if it holds none.
fn numbers(array: &ArrayRef) -> Option<Vec<Option<u64>>> {
    macro_rules! values {
        ($kind:ty) => {
            array
                .as_primitive::<$kind>()
                .iter()
                .map(|value| value.and_then(|value| u64::try_from(value).ok()))
                .collect()
        };
    }
    Some(match array.data_type() {
        DataType::UInt8 => values!(UInt8Type),
        DataType::UInt16 => values!(UInt16Type),
        DataType::UInt32 => values!(UInt32Type),
        DataType::UInt64 => values!(UInt64Type),
        DataType::Timestamp(TimeUnit::Millisecond, _) => values!(TimestampMillisecondType),
        _ => return None,
    })
}

fn check(block: &Block, name: &str, term: &NumberTerm) -> usize {
    let projection = Projection::from_names([name]).expect("a column");
    let batches = BatchBuilder::new(&projection)
        .block(block)
        .expect("batches of a block");
    let mut found = Vec::new();
    for batch in &batches {
        let Some(numbers) = numbers(batch.column(0)) else {
            return 0;
        };
        found.extend(numbers);
    }
    let values: BTreeSet<u64> = found.iter().flatten().copied().collect();
    let mut compared = 0;
    for value in values.iter().step_by(values.len() / 4 + 1).copied() {
        for (compare, holds) in [
            (Compare::Equal, u64::eq as fn(&u64, &u64) -> bool),
            (Compare::Greater, u64::gt),
            (Compare::Less, u64::lt),
            (Compare::GreaterOrEqual, u64::ge),
            (Compare::LessOrEqual, u64::le),
        ] {
            let Ok(filter) = Filter::build(Expr::number(term.number, compare, value)) else {
                continue;
            };
            let mut selected = Vec::new();
            filter.select(block, Scope::default(), &mut selected);
            let selected: BTreeSet<u32> = selected.into_iter().collect();
            let expected: BTreeSet<u32> = (0..)
                .zip(&found)
                .filter(|(_, found)| found.is_some_and(|found| holds(&found, &value)))
                .map(|(number, _)| number)
                .collect();
            let lost: Vec<_> = expected.difference(&selected).collect();
            assert!(lost.is_empty(), "{name} {compare:?} {value}: {lost:?} lost");
            let more = selected.difference(&expected).filter(|number| {
                let lacks_field = found.get(**number as usize) == Some(&None);
                term.is_exact() || !lacks_field
            });
            let more: Vec<_> = more.collect();
            assert!(
                more.is_empty(),
                "{name} {compare:?} {value}: {more:?} in excess"
            );
            compared += 1;
        }
    }
    compared
}

#[test]
fn terms_of_one_field_select_what_the_column_says() {
    let fixtures = ["archive/nfcapd.202611241330", "router/nfcapd.202601010000"];
    let mut files: Vec<File> = fixtures
        .iter()
        .map(|name| File::open(root().join("tests/fixtures").join(name)).expect("a fixture"))
        .collect();
    let corpus = LAYOUTS.into_iter().flat_map(corpus::inputs);
    files.extend(corpus.filter_map(|(_, bytes)| File::from_bytes(bytes).ok()));
    let names = nfdecode::columns::columns()
        .iter()
        .map(|column| column.name());
    let terms: Vec<_> = names
        .filter_map(|name| Some((name, NumberTerm::of_field(name)?)))
        .collect();
    assert!(terms.len() > 30, "{} terms", terms.len());
    let mut compared = 0;
    for block in files.iter().flat_map(|file| file.blocks()).flatten() {
        for (name, term) in &terms {
            compared += check(&block, name, term);
        }
    }
    assert!(compared > 1_000, "{compared} comparisons");
}

#[test]
fn ranges_of_a_file_have_each_block_once() {
    for (path, bytes) in LAYOUTS.into_iter().flat_map(corpus::inputs) {
        let Ok(file) = File::from_bytes(bytes) else {
            continue;
        };
        let size = file.header().file_size;
        let listed = |found: nfdecode::Result<nfdecode::BlockRef>| match found {
            Ok(block) => Ok((block.index(), block.offset())),
            Err(error) => Err(error.to_string()),
        };
        let mut whole: Vec<_> = file.block_refs().map(listed).collect();
        for parts in [1, 2, 3, 7] {
            let bounds: Vec<u64> = (0..=parts).map(|part| size * part / parts).collect();
            let mut found: Vec<_> = bounds
                .windows(2)
                .flat_map(|bounds| file.clone().into_block_refs_in(bounds[0]..bounds[1]))
                .map(listed)
                .collect();
            found.sort();
            whole.sort();
            assert_eq!(found, whole, "{} in {parts} parts", path.display());
        }
    }
}
