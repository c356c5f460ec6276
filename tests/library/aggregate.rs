//! Groups: the values that nfdump prints, whatever the threads, merges and memory.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::Command;

use nfdecode::aggregate::{
    Absent, Adder, AggregateError, Bins, Collector, Counters, Direction, Group, Grouping, Key,
    Order, OrderBy, Series, Side, Spread, Table, Tie,
};
use nfdecode::file::Compression;
use nfdecode::scan::ScanInput;
use nfdecode::writer::{Encoding, SysidMap, Writer};
use nfdecode::{File, FlowBuilder, Scan, Timestamp};

use crate::support;
use crate::support::writer as made;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

fn archive() -> Vec<PathBuf> {
    let folder = support::root().join("tests/fixtures/archive");
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .expect("the fixtures")
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| {
            path.file_name()
                .is_some_and(|name| name.to_string_lossy().starts_with("nfcapd."))
        })
        .collect();
    files.sort();
    files
}

fn five_tuple() -> Grouping {
    let keys = ["src_addr", "dst_addr", "src_port", "dst_port", "proto"];
    let keys = keys.map(|name| Key::stored(name).expect("a field"));
    let builder = keys
        .into_iter()
        .fold(Grouping::builder(), |builder, key| builder.key(key));
    builder.remember_first(true).build().expect("a grouping")
}

fn by(name: &str) -> Grouping {
    Grouping::builder()
        .key(Key::parse(name).expect("a key"))
        .build()
        .expect("a grouping")
}

fn add_file(table: &mut Table, path: &Path) -> Result<()> {
    for block in File::open(path)?.blocks() {
        table.add(&block?, None);
    }
    Ok(())
}

fn filled(grouping: &Grouping, files: &[PathBuf]) -> Result<Table> {
    let mut table = grouping.table();
    for file in files {
        add_file(&mut table, file)?;
    }
    Ok(table)
}

/// All groups in order of their keys.
fn listed(table: &Table) -> Vec<(Vec<String>, Counters)> {
    let order = Order::new(OrderBy::Key, Direction::Ascending);
    let groups = table.groups();
    let sorted = groups.sorted(&order);
    let keys = sorted.iter().map(|group| {
        let keys = group
            .keys()
            .map(|key| key.map_or("absent".to_owned(), |key| key.to_string()));
        (keys.collect(), group.counters())
    });
    keys.collect()
}

#[test]
fn groups_are_those_of_a_simple_count() -> Result<()> {
    let mut expected: BTreeMap<(String, String), (u64, u64, u64)> = BTreeMap::new();
    for file in archive() {
        for flow in File::open(&file)?.flows() {
            let flow = flow?;
            let flow = flow.view();
            let text = |value: Option<String>| value.unwrap_or_else(|| "absent".to_owned());
            let key = (
                text(flow.src_addr().map(|address| address.to_string())),
                text(flow.dst_port().map(|port| port.to_string())),
            );
            let sums = expected.entry(key).or_default();
            sums.0 += flow.flow_count();
            sums.1 += flow.in_packets().unwrap_or(0) + flow.out_packets().unwrap_or(0);
            sums.2 += flow.in_bytes().unwrap_or(0) + flow.out_bytes().unwrap_or(0);
        }
    }
    let grouping = Grouping::builder()
        .key(Key::field("src_addr")?)
        .key(Key::field("dst_port")?)
        .build()?;
    let found: BTreeMap<_, _> = listed(&filled(&grouping, &archive())?)
        .into_iter()
        .map(|(keys, counters)| {
            let [address, port] = <[String; 2]>::try_from(keys).expect("two keys");
            (
                (address, port),
                (counters.flows, counters.packets(), counters.bytes()),
            )
        })
        .collect();
    assert!(found.len() > 10);
    assert_eq!(found, expected);
    Ok(())
}

#[test]
fn threads_make_no_difference() -> Result<()> {
    for grouping in [five_tuple(), by("proto"), by("ip"), by("src_addr/16")] {
        let expected = listed(&filled(&grouping, &archive())?);
        for threads in 1..=8 {
            let threads = NonZeroUsize::new(threads).ok_or("not zero")?;
            let (table, totals) = Scan::new(archive()).threads(threads).aggregate(&grouping)?;
            assert_eq!(listed(&table), expected, "{threads} threads");
            assert_eq!(table.totals(), filled(&grouping, &archive())?.totals());
            assert_eq!(totals.damaged, 0);
        }
    }
    Ok(())
}

#[test]
fn merging_is_associative_and_commutative() -> Result<()> {
    let grouping = Grouping::builder()
        .key(Key::field("src_addr")?)
        .distinct(Key::field("dst_port")?)
        .keep_first_flow(true)
        .build()?;
    let files = archive();
    let (mut tables, mut number) = (Vec::new(), 0);
    for file in &files {
        let mut table = grouping.table();
        for block in File::open(file)?.blocks() {
            let block = block?;
            table.add_at(&block, None, number);
            number += block.len() as u64;
        }
        tables.push(table);
    }
    let expected = all_of(&filled(&grouping, &files)?);
    for order in [[0, 1, 2], [2, 1, 0], [1, 0, 2], [1, 2, 0]] {
        let mut left = grouping.table();
        for at in order {
            left.merge(&tables[at])?;
        }
        assert_eq!(all_of(&left), expected);
        let mut pair = grouping.table();
        pair.merge(&tables[order[1]])?;
        pair.merge(&tables[order[2]])?;
        let mut right = grouping.table();
        right.merge(&tables[order[0]])?;
        right.merge(&pair)?;
        assert_eq!(all_of(&right), expected);
    }
    let other = by("proto").table();
    let mut table = grouping.table();
    assert!(matches!(
        table.merge(&other),
        Err(AggregateError::OtherGrouping)
    ));
    Ok(())
}

type Whole = (Vec<String>, Counters, Option<(u64, bool)>, Option<Vec<u8>>);

/// Groups with distinct counts and first flows.
fn all_of(table: &Table) -> Vec<Whole> {
    let groups = table.groups();
    let sorted = groups.sorted(&Order::new(OrderBy::Key, Direction::Ascending));
    let whole = sorted.iter().map(|group| {
        let keys = group.keys().map(|key| format!("{key:?}"));
        let first = group.first_flow().map(|flow| flow.record().to_vec());
        (keys.collect(), group.counters(), group.distinct(0), first)
    });
    whole.collect()
}

#[test]
fn stored_tables_are_read_back() -> Result<()> {
    let make = || -> Result<Grouping> {
        Ok(Grouping::builder()
            .key(Key::field("src_addr")?)
            .key(Key::field("label")?)
            .distinct(Key::field("dst_port")?)
            .quantiles("bytes")?
            .keep_first_flow(true)
            .build()?)
    };
    let grouping = make()?;
    let table = filled(&grouping, &archive())?;
    let mut bytes = Vec::new();
    table.write(&mut bytes)?;
    // Another process has a grouping, a hash and numbers of texts of its own.
    let read = Table::read(&make()?, &mut bytes.as_slice())?;
    assert_eq!(all_of(&read), all_of(&table));
    assert_eq!(read.totals(), table.totals());
    let other = Table::read(&by("src_addr"), &mut bytes.as_slice());
    assert!(matches!(other, Err(AggregateError::OtherGrouping)));
    for length in (0..bytes.len()).step_by(7) {
        assert!(
            Table::read(&grouping, &mut &bytes[..length]).is_err(),
            "{length}"
        );
    }
    // Nothing panics on damage, and memory stays in proportion to the input.
    let mut numbers = support::damage::Numbers::new(1);
    for _ in 0..300 {
        let mut damaged = bytes.clone();
        for _ in 0..1 + numbers.below(4) {
            let at = numbers.below(damaged.len());
            damaged[at] = numbers.next() as u8;
        }
        if let Ok(table) = Table::read(&make()?, &mut damaged.as_slice()) {
            let _ = (all_of(&table), table.totals());
        }
    }
    Ok(())
}

/// Groups as text, in the order in which they come.
fn ranked(
    grouping: &Grouping,
    threads: usize,
    memory: usize,
    (order, count): (&Order, usize),
) -> Result<(Vec<String>, u64, Counters)> {
    let threads = NonZeroUsize::new(threads).ok_or("not zero")?;
    let collector = Collector::new(grouping, threads).with_memory(memory, None);
    let mut adders: Vec<Adder> = (0..threads.get()).map(|_| collector.adder()).collect();
    for (at, block) in Scan::new(archive()).blocks().enumerate() {
        let at = at % adders.len();
        collector.add(&mut adders[at], &block?);
    }
    let mut found = Vec::new();
    let passes = |group: &Group<'_>| group.counters().flows != 2;
    let overall = collector.for_each_ranked(order, count, passes, |group, _| {
        let keys: Vec<_> = group.keys().collect();
        let (distinct, median) = (group.distinct(0), group.quantile(0, 500));
        found.push(format!(
            "{keys:?} {:?} {distinct:?} {median:?}",
            group.counters()
        ));
        Ok::<(), AggregateError>(())
    })?;
    Ok((found, overall.groups, overall.totals))
}

#[test]
fn little_memory_gives_the_same_groups() -> Result<()> {
    let texts = Grouping::builder()
        .key(Key::every("first", Bins::every(60_000))?)
        .key(Key::field("src_addr")?)
        .key(Key::field("tls_sni")?)
        .distinct(Key::field("dst_port")?)
        .quantiles("duration")?
        .quantiles("dst_port")?
        .build()?;
    let (descending, ascending) = (Direction::Descending, Direction::Ascending);
    for grouping in [five_tuple(), texts, by("ip")] {
        for order in [
            Order::bytes(),
            Order::flows().within(0),
            Order::new(OrderBy::Distinct(0), descending),
            Order::new(OrderBy::Quantile(1, 950), ascending),
            Order::new(OrderBy::Key, ascending),
            Order::new(OrderBy::Key, descending).within(0),
        ] {
            for count in [7, usize::MAX] {
                let expected = ranked(&grouping, 1, usize::MAX, (&order, count))?;
                for (threads, memory) in [(1, 1), (2, 20_000), (4, 100_000)] {
                    let found = ranked(&grouping, threads, memory, (&order, count))?;
                    assert_eq!(found, expected, "{order:?} {count} {threads} {memory}");
                }
            }
        }
    }
    let grouping = five_tuple();
    let collector = Collector::new(&grouping, NonZeroUsize::MIN).with_memory(1, None);
    let mut adder = collector.adder();
    for block in Scan::new(archive()).blocks() {
        collector.add(&mut adder, &block?);
    }
    assert!(matches!(collector.finish(), Err(AggregateError::Memory)));
    Ok(())
}

#[test]
fn absent_is_a_group_a_zero_or_nothing() -> Result<()> {
    let counts = |absent: Absent| -> Result<(u64, usize)> {
        let key = Key::field("src_vlan")?.absent(absent);
        let table = filled(&Grouping::builder().key(key).build()?, &archive())?;
        let groups: u64 = listed(&table)
            .iter()
            .map(|(_, counters)| counters.flows)
            .sum();
        Ok((
            groups,
            listed(&table)
                .iter()
                .filter(|(keys, _)| keys == &["absent"])
                .count(),
        ))
    };
    let all = filled(&by("proto"), &archive())?.totals().flows;
    let (with_group, absent) = counts(Absent::Group)?;
    assert_eq!((with_group, absent), (all, 1));
    assert_eq!(counts(Absent::Zero)?, (all, 0));
    assert!(counts(Absent::Skip)?.0 < all);
    Ok(())
}

#[test]
fn orders_break_ties_by_key_or_appearance() -> Result<()> {
    let grouping = five_tuple();
    let table = filled(&grouping, &archive())?;
    let groups = table.groups();
    let all = groups.sorted(&Order::flows());
    for count in [1, 5, 50] {
        let top: Vec<_> = groups
            .top(&Order::flows(), count)
            .iter()
            .map(|group| group.first_number())
            .collect();
        let expected: Vec<_> = all
            .iter()
            .take(count)
            .map(|group| group.first_number())
            .collect();
        assert_eq!(top, expected);
    }
    let late = Order::flows().tie(Tie::Appearance(Direction::Descending));
    for pair in groups.sorted(&late).windows(2) {
        let [a, b] = pair else { continue };
        let value =
            |group: &nfdecode::aggregate::Group<'_>| (group.counters().flows, group.first_number());
        assert!(value(a) > value(b));
    }
    Ok(())
}

#[test]
fn both_directions_are_one_group() -> Result<()> {
    let keys = ["src_addr", "dst_addr", "src_port", "dst_port", "proto"];
    let builder = keys.iter().try_fold(Grouping::builder(), |builder, name| {
        Key::stored(name).map(|key| builder.key(key))
    })?;
    let grouping = builder.both_directions(true).build()?;
    let table = filled(&grouping, &archive())?;
    let one_way = filled(&five_tuple(), &archive())?;
    assert!(table.len() < one_way.len());
    let sums = |table: &Table| {
        listed(table).iter().fold((0, 0), |sums, (_, counters)| {
            (sums.0 + counters.packets(), sums.1 + counters.bytes())
        })
    };
    assert_eq!(sums(&table), sums(&one_way));
    let wrong = Grouping::builder()
        .key(Key::field("src_addr")?)
        .both_directions(true)
        .build();
    assert!(matches!(wrong, Err(AggregateError::OneSided(_))));
    Ok(())
}

/// Rows of nfdump's csv: value or key columns, flows, packets, bytes.
fn nfdump_statistic(path: &Path, name: &str) -> Option<Vec<(String, [u64; 3])>> {
    let nfdump = support::oracle("1.7.10", "nfdump")?;
    let output = Command::new(nfdump)
        .env("TZ", "UTC")
        .args([
            "-W", "1", "-C", "none", "-G", "none", "-6", "-N", "-n", "0", "-o", "csv",
        ])
        .args(["-s", &format!("{name}/bytes"), "-r"])
        .arg(path)
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let rows = text
        .lines()
        .skip_while(|line| !line.starts_with("ts,"))
        .skip(1);
    let rows = rows.filter_map(|line| {
        let cells: Vec<&str> = line.split(',').collect();
        let number = |at: usize| cells.get(at)?.trim().parse::<u64>().ok();
        Some((
            cells.get(4)?.trim().to_owned(),
            [number(5)?, number(7)?, number(9)?],
        ))
    });
    let mut rows: Vec<_> = rows.collect();
    rows.sort();
    Some(rows)
}

#[test]
#[cfg_attr(
    not(reference_programs),
    ignore = "needs the reference programs: set NFDECODE_ORACLE"
)]
fn statistics_are_those_of_nfdump() -> Result<()> {
    let statistics = [
        ("srcip", vec!["src_addr"]),
        ("dstip", vec!["dst_addr"]),
        ("ip", vec!["src_addr", "dst_addr"]),
        ("nhip", vec!["next_hop"]),
        ("router", vec!["exporter_addr"]),
        ("srcport", vec!["src_port"]),
        ("port", vec!["src_port", "dst_port"]),
        ("srcas", vec!["src_as"]),
        ("as", vec!["src_as", "dst_as"]),
        ("if", vec!["input_snmp", "output_snmp"]),
        ("mask", vec!["src_mask", "dst_mask"]),
        ("tos", vec!["src_tos", "dst_tos"]),
        ("insrcmac", vec!["in_src_mac"]),
        (
            "mac",
            vec!["in_src_mac", "out_dst_mac", "in_dst_mac", "out_src_mac"],
        ),
    ];
    let mut files = archive();
    if let Some(folder) = support::test_data("nfcapd/layout2") {
        // Every seventh: all kinds, in a few seconds.
        files.extend(support::files_below(&folder).into_iter().step_by(7));
    }
    let mut compared = 0;
    for path in files {
        for (name, fields) in &statistics {
            let Some(expected) = nfdump_statistic(&path, name) else {
                continue;
            };
            let key = Key::any_of_stored(fields.iter().copied())?;
            let absent = if key.is_number() {
                Absent::Zero
            } else {
                Absent::Skip
            };
            let builder = Grouping::builder().key(key.absent(absent));
            let grouping = builder.only_with_counters(true).wrap_sums(true).build()?;
            let mut table = grouping.table();
            for block in File::open(&path)?.blocks().flatten() {
                table.add(&block, None);
            }
            let mut found: Vec<_> = listed(&table)
                .into_iter()
                .map(|(keys, counters)| {
                    let sums = [counters.flows, counters.packets(), counters.bytes()];
                    (keys.concat(), sums)
                })
                .collect();
            found.sort();
            // The two families are one there (B3 of docs/deviations.md); such files do not compare.
            if found.iter().any(|(key, _)| key.starts_with("::")) {
                continue;
            }
            assert_eq!(found, expected, "{} {name}", path.display());
            compared += expected.len();
        }
    }
    assert!(compared > 100 || support::oracle("1.7.10", "nfdump").is_none());
    Ok(())
}

#[test]
fn damaged_files_do_no_harm() -> Result<()> {
    let mut numbers = support::damage::Numbers::new(7);
    let grouping = Grouping::builder()
        .key(Key::parse("ip/24")?)
        .key(Key::parse("tls_sni")?)
        .key(Key::every("first", Bins::every(1000))?)
        .distinct(Key::field("user_name")?)
        .keep_first_flow(true)
        .build()?;
    for original in support::damage::originals() {
        for _ in 0..10 {
            let mut bytes = original.bytes.clone();
            support::damage::damage(&mut bytes, &mut numbers);
            let Ok(file) = File::from_bytes(bytes) else {
                continue;
            };
            let (mut table, mut flows) = (grouping.table(), 0);
            let mut series = Series::new(Bins::every(60_000), Spread::Even, None)?;
            for block in file.blocks().flatten() {
                table.add(&block, None);
                flows += block.len();
                series.add(&block, None);
            }
            assert!(table.len() <= 2 * flows);
            let counted: usize = table.groups().iter().count();
            assert_eq!(counted, table.len());
            // Impossible times are an error, not a long wait.
            let _ = series.points();
        }
    }
    Ok(())
}

/// A file with this many flows, each with an address, a port and a user name of its own.
fn different_flows(count: u32) -> Result<File> {
    let encoding = Encoding {
        compression: Compression::Lz4,
        level: None,
    };
    let mut writer = Writer::new(std::io::Cursor::new(Vec::new()), encoding, None, 0)?;
    for number in 0..count {
        let mut flow = FlowBuilder::new();
        flow.first(Timestamp::from_millis(
            1_767_225_600_000 + u64::from(number),
        ))
        .last(Timestamp::from_millis(
            1_767_225_600_000 + 3 * u64::from(number),
        ))
        .proto(17)
        .src_addr(std::net::Ipv4Addr::from_bits(number).into())
        .dst_addr(std::net::Ipv4Addr::from_bits(7).into())
        .dst_port(number as u16)
        .in_bytes(u64::from(number))
        .user_name(format!("user {number}").as_bytes());
        writer.write_flow(&flow.build()?.view(), &SysidMap::default())?;
    }
    Ok(File::from_bytes(writer.finish()?.into_inner())?)
}

#[test]
fn hostile_flows_take_bounded_memory() -> Result<()> {
    const LIMIT: usize = 100_000;
    let file = different_flows(5_000)?;
    let scan = || Scan::new([ScanInput::file(file.clone())]);
    let collected = |grouping: &Grouping| -> Result<Collector> {
        let collector = Collector::new(grouping, NonZeroUsize::MIN).with_memory(LIMIT, None);
        let mut adder = collector.adder();
        for block in scan().blocks() {
            collector.add(&mut adder, &block?);
        }
        Ok(collector)
    };
    let visit = |_: &Group<'_>, _: &_| Ok::<(), AggregateError>(());
    let order = Order::bytes();
    // Texts stay in memory: too many of them are an error, and not a crash.
    let texts = collected(&by("user_name"))?;
    let ended = texts.for_each_ranked(&order, 10, |_| true, visit);
    assert!(matches!(ended, Err(AggregateError::Memory)));
    // Everything else goes to files: keys, sets of values and distributions.
    let everything = Grouping::builder()
        .key(Key::field("src_addr")?)
        .distinct(Key::field("user_name")?)
        .quantiles("duration")?
        .keep_first_flow(true)
        .build()?;
    let mut shown = 0;
    let overall = collected(&everything)?.for_each_ranked(
        &order,
        usize::MAX,
        |_| true,
        |group, _| {
            assert!(
                group
                    .distinct(0)
                    .is_some_and(|(count, exact)| count == 1 && exact)
            );
            assert!(group.quantile(0, 500).is_some());
            shown += 1;
            Ok::<(), AggregateError>(())
        },
    )?;
    assert_eq!((overall.groups, shown), (5_000, 5_000));
    // One group has one set of at most 4096 bytes, and one histogram.
    let one = Grouping::builder()
        .distinct(Key::field("src_addr")?)
        .quantiles("bytes")?
        .build()?;
    let mut table = one.table();
    for block in file.blocks() {
        table.add(&block?, None);
    }
    assert!(table.memory() < 40_000, "{}", table.memory());
    let groups = table.groups();
    let group = groups.iter().next().ok_or("a group")?;
    let (count, is_exact) = group.distinct(0).ok_or("a count")?;
    assert!(!is_exact && count.abs_diff(5_000) < 250);
    let (median, is_exact) = group.quantile(0, 500).ok_or("a median")?;
    assert!(
        !is_exact && (2_499..2_499 + 25).contains(&median),
        "{median}"
    );
    Ok(())
}

#[test]
fn groups_take_little_memory() -> Result<()> {
    let file = different_flows(50_000)?;
    for (keys, most) in [
        (&["src_addr"][..], 140),
        (
            &["src_addr", "dst_addr", "src_port", "dst_port", "proto"],
            140,
        ),
    ] {
        let keys = keys.iter().map(|name| Key::field(name));
        let mut builder = Grouping::builder();
        for key in keys {
            builder = builder.key(key?);
        }
        let grouping = builder.build()?;
        let mut table = grouping.table();
        for block in file.blocks() {
            table.add(&block?, None);
        }
        assert_eq!(table.len(), 50_000);
        assert!(table.memory() / table.len() <= most, "{}", table.memory());
    }
    Ok(())
}

/// Flows that say they stand for more flows, packets and bytes than can be counted.
#[test]
fn series_of_any_counters_do_not_overflow() -> Result<()> {
    let flow = |first: u64, last: u64| {
        let mut generic = [first, last, last, u64::MAX, u64::MAX]
            .iter()
            .flat_map(|number| number.to_le_bytes())
            .collect::<Vec<_>>();
        generic.extend([0; 8]);
        let elements = vec![(1, generic), (5, vec![0xFF; 24])];
        let flow = made::FlowRecord {
            elements,
            ..made::FlowRecord::default()
        };
        flow.bytes()
    };
    let records = vec![
        flow(1, 2),
        flow(1, 90_000),
        flow(1, 500_000),
        flow(1, u64::MAX),
    ];
    let file = File::from_bytes(made::file(made::Encoding::None, None, &[records]))?;
    for spread in [Spread::Even, Spread::Start, Spread::End] {
        let mut series = Series::new(Bins::every(60_000), spread, None)?;
        for block in file.blocks() {
            series.add(&block?, Some(&[0, 1, 2]));
        }
        let points = series.points()?;
        assert_eq!(points.first().map(|point| point.flows), Some(u64::MAX));
        let mut series = Series::new(Bins::every(u64::MAX / 4), spread, None)?;
        for block in file.blocks() {
            series.add(&block?, None);
        }
        assert!(!series.points()?.is_empty());
    }
    Ok(())
}

#[test]
fn series_add_up_to_what_was_counted() -> Result<()> {
    let totals = filled(&by("proto"), &archive())?.totals();
    for spread in [Spread::Even, Spread::Start, Spread::End] {
        for interval in [1_000, 10_000, 300_000] {
            let mut parts = Vec::new();
            let mut all = Series::new(Bins::every(interval), spread, Some(Key::field("proto")?))?;
            for file in archive() {
                let mut part = all.another();
                for block in File::open(&file)?.blocks() {
                    part.add(&block?, None);
                }
                parts.push(part);
            }
            parts.iter().rev().try_for_each(|part| all.merge(part))?;
            let points = all.points()?;
            let sum =
                |of: fn(&nfdecode::aggregate::Point) -> u64| points.iter().map(of).sum::<u64>();
            assert_eq!(sum(|point| point.flows), totals.flows);
            assert_eq!(sum(|point| point.packets), totals.packets());
            assert_eq!(sum(|point| point.bytes), totals.bytes());
            let times: Vec<u64> = points
                .iter()
                .filter(|point| point.series == 0)
                .map(|point| point.time.as_millis())
                .collect();
            assert!(
                times.windows(2).all(|pair| pair[1] - pair[0] == interval),
                "no gaps"
            );
        }
    }
    Ok(())
}

#[test]
fn rates_and_sides_follow_from_counters() -> Result<()> {
    let table = filled(&Grouping::builder().build()?, &archive())?;
    assert_eq!(table.len(), 1);
    let groups = table.groups();
    let all = groups.iter().next().ok_or("a group")?.counters();
    assert_eq!(all, table.totals());
    assert_eq!(
        all.packets(),
        all.packets_of(Side::In) + all.packets_of(Side::Out)
    );
    let ms = all.duration_ms();
    assert_eq!(all.bps(Side::Both), all.bytes() * 8 * 1000 / ms);
    assert_eq!(all.bpp(Side::In), all.in_bytes / all.in_packets);
    Ok(())
}
