//! The value of `--compress`.

use nfdecode::file::Compression;
use nfdecode::writer::Encoding;

/// `none`, `lzo`, `lz4`, `zstd[:level]`, `bz2[:level]`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CompressArg(pub(crate) Option<Encoding>);

/// Reads the value of `--compress`.
pub(crate) fn parse_compression(text: &str) -> Result<CompressArg, String> {
    let (name, level) = text
        .split_once(':')
        .map_or((text, None), |(name, level)| (name, Some(level)));
    let (compression, levels) = match name {
        "none" => (Compression::None, 0..=0),
        "lzo" => (Compression::Lzo, 0..=0),
        "lz4" => (Compression::Lz4, 0..=0),
        "zstd" => (Compression::Zstd, 1..=22),
        "bz2" | "bzip2" => (Compression::Bz2, 1..=9),
        "same" => return Ok(CompressArg(None)),
        _ => return Err("expected none, lzo, lz4, zstd, bz2 or same".to_owned()),
    };
    let level = match level {
        None => None,
        Some(level) => match level
            .parse()
            .ok()
            .filter(|level| levels.contains(level) && *level != 0)
        {
            Some(level) => Some(level),
            None if *levels.end() == 0 => return Err(format!("{name} has no levels")),
            None => {
                return Err(format!(
                    "{name} has levels {} to {}",
                    levels.start(),
                    levels.end()
                ));
            }
        },
    };
    Ok(CompressArg(Some(Encoding { compression, level })))
}
