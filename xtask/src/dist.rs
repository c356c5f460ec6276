//! What people install: a Debian package, an archive, checksums and the list of parts.
//!
//! Everything is made offline from this checkout, and the same commit gives the same bytes: paths of the machine are
//! not in the program, times are that of the commit, and files are in name order.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::shell::{Failure, output, root, run, run_with};

/// Where everything is made.
const PLACE: &str = "target/dist";
/// The programs of each shell's completion: shell, folder and name.
const COMPLETIONS: [(&str, &str); 3] = [
    ("bash", "usr/share/bash-completion/completions/nfdecode"),
    ("zsh", "usr/share/zsh/vendor-completions/_nfdecode"),
    ("fish", "usr/share/fish/vendor_completions.d/nfdecode.fish"),
];

fn failed(error: impl ToString) -> Failure {
    error.to_string()
}

/// Makes the packages in `target/dist`.
///
/// Long: the parts of the packages in order.
pub(crate) fn dist() -> Result<(), Failure> {
    let place = root().join(PLACE);
    let version = version()?;
    let architecture = output("dpkg --print-architecture")?.trim().to_owned();
    let epoch = output("git log -1 --format=%ct")?.trim().to_owned();
    let program = build(&place)?;

    let tree = place.join("tree");
    let _ = fs::remove_dir_all(&tree);
    install(&program, &tree.join("usr/bin/nfdecode"), 0o755)?;
    let shown = program.display();
    for (shell, path) in COMPLETIONS {
        let script = output(&format!("{shown} completions {shell}"))?;
        write(&tree.join(path), script.as_bytes())?;
    }
    let pages = tree.join("usr/share/man/man1");
    run(&format!("{shown} man --dir {}", pages.display()))?;
    for entry in fs::read_dir(&pages).map_err(failed)? {
        let page = entry.map_err(failed)?.path();
        run(&format!("gzip -9n {}", page.display()))?;
    }
    let documents = tree.join("usr/share/doc/nfdecode");
    let parts = Part::all()?;
    write(&documents.join("copyright"), copyright(&parts).as_bytes())?;
    for name in ["README.md", "CHANGELOG.md", "SECURITY.md"] {
        install(&root().join(name), &documents.join(name), 0o644)?;
    }
    run(&format!(
        "gzip -9n {}",
        documents.join("CHANGELOG.md").display()
    ))?;
    fs::rename(
        documents.join("CHANGELOG.md.gz"),
        documents.join("changelog.gz"),
    )
    .map_err(failed)?;

    // The archive has the same files in one folder.
    let name = format!("nfdecode-{version}-{}-linux", machine()?);
    let folder = place.join(&name);
    let _ = fs::remove_dir_all(&folder);
    run(&format!(
        "cp -a {} {}",
        tree.join("usr").display(),
        folder.display()
    ))?;
    let archive = format!("{PLACE}/{name}.tar.gz");
    run(&format!(
        "tar --sort=name --mtime=@{epoch} --owner=0 --group=0 --numeric-owner --mode=u=rwX,go=rX -C {PLACE} -czf {archive} {name}"
    ))?;
    fs::remove_dir_all(&folder).map_err(failed)?;

    let package = format!("{PLACE}/nfdecode_{version}_{architecture}.deb");
    let control = control(&version, &architecture, &tree)?;
    write(&tree.join("DEBIAN/control"), control.as_bytes())?;
    run_with(
        &format!(
            "dpkg-deb --root-owner-group -Zxz --build {} {package}",
            tree.display()
        ),
        &[("SOURCE_DATE_EPOCH", &epoch)],
    )?;
    let list = format!("{PLACE}/nfdecode-{version}.cdx.json");
    write(&root().join(&list), bill(&version, &parts)?.as_bytes())?;

    let sums = output(&format!("sha256sum {package} {archive} {list}"))?;
    let sums = sums.replace(&format!("{PLACE}/"), "");
    write(&place.join("SHA256SUMS"), sums.as_bytes())?;
    print!("{sums}");
    Ok(())
}

/// Installs the Debian package on a minimal Debian 12 without Rust, and converts a capture there.
pub(crate) fn deb() -> Result<(), Failure> {
    dist()?;
    let place = root().join(PLACE).join("debian");
    let sudo = match output("id -u")?.trim() {
        "0" => "",
        _ => "sudo ",
    };
    if !place.join("usr/bin/nfpcapd").is_file() {
        let _ = run(&format!("{sudo}rm -rf {}", place.display()));
        run(&format!(
            "{sudo}debootstrap --variant=minbase --include=nfdump bookworm {} {}",
            place.display(),
            mirror()?
        ))?;
    }
    let version = version()?;
    let architecture = output("dpkg --print-architecture")?;
    let package = format!("nfdecode_{version}_{}.deb", architecture.trim());
    let inner = place.display();
    run(&format!("{sudo}cp {PLACE}/{package} {inner}/tmp/"))?;
    run(&format!(
        "{sudo}cp tests/fixtures/captures/office.pcap {inner}/tmp/"
    ))?;
    run(&format!("{sudo}chroot {inner} dpkg -i /tmp/{package}"))?;
    let json = output(&format!(
        "{sudo}chroot {inner} nfdecode convert /tmp/office.pcap"
    ))?;
    let files: Value = serde_json::from_str(&json).map_err(failed)?;
    let files = files.as_object().ok_or("no object")?.len();
    if files == 0 {
        return Err("the conversion printed no files".to_owned());
    }
    let pages = output(&format!("{sudo}chroot {inner} dpkg -L nfdecode"))?;
    for needed in [
        "/usr/share/man/man1/nfdecode-read.1.gz",
        "/usr/share/doc/nfdecode/copyright",
    ] {
        if !pages.lines().any(|line| line == needed) {
            return Err(format!("{needed} is not in the package"));
        }
    }
    run(&format!("{sudo}chroot {inner} dpkg -P nfdecode"))?;
    println!("the package converts a capture into {files} files on a Debian without Rust");
    Ok(())
}

/// Builds the program without paths of this machine.
fn build(place: &Path) -> Result<PathBuf, Failure> {
    let home = std::env::var("CARGO_HOME")
        .or_else(|_| std::env::var("HOME").map(|home| format!("{home}/.cargo")))
        .map_err(failed)?;
    let flags = format!(
        "--remap-path-prefix={home}=/cargo --remap-path-prefix={}=/nfdecode -C strip=symbols",
        root().display()
    );
    let target = place.join("build");
    run_with(
        &format!(
            "cargo build --release --locked -p nfdecode-cli --target-dir {}",
            target.display()
        ),
        &[("RUSTFLAGS", &flags)],
    )?;
    Ok(target.join("release/nfdecode"))
}

fn version() -> Result<String, Failure> {
    let parts = metadata()?;
    let packages = parts["packages"].as_array().ok_or("no packages")?;
    let program = packages
        .iter()
        .find(|package| package["name"] == "nfdecode-cli");
    let version = program.and_then(|package| package["version"].as_str());
    Ok(version.ok_or("no version")?.to_owned())
}

fn machine() -> Result<String, Failure> {
    Ok(output("uname -m")?.trim().to_owned())
}

fn metadata() -> Result<Value, Failure> {
    let host = output("rustc -vV")?;
    let host = host.lines().find_map(|line| line.strip_prefix("host: "));
    let text = output(&format!(
        "cargo metadata --format-version 1 --locked --filter-platform {}",
        host.ok_or("rustc names no host")?
    ))?;
    serde_json::from_str(&text).map_err(failed)
}

/// The mirror that this machine installs packages from.
fn mirror() -> Result<String, Failure> {
    let lists = output("cat /etc/apt/sources.list /etc/apt/sources.list.d/debian.sources")
        .or_else(|_| output("cat /etc/apt/sources.list.d/debian.sources"))
        .or_else(|_| output("cat /etc/apt/sources.list"))?;
    let words = lists.split_whitespace();
    let mut addresses = words.filter(|word| word.starts_with("http") && word.contains("/debian"));
    let found = addresses.find(|word| !word.contains("security") && !word.contains("snapshot"));
    Ok(found.ok_or("no mirror is configured")?.to_owned())
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(failed)?;
    fs::write(path, bytes).map_err(|error| format!("{}: {error}", path.display()))
}

fn install(from: &Path, to: &Path, mode: u32) -> Result<(), Failure> {
    let bytes = fs::read(from).map_err(|error| format!("{}: {error}", from.display()))?;
    write(to, &bytes)?;
    fs::set_permissions(to, fs::Permissions::from_mode(mode)).map_err(failed)
}

/// What the package says of itself. It runs where the C library is at least as new as its symbols.
fn control(version: &str, architecture: &str, tree: &Path) -> Result<String, Failure> {
    let symbols = output(&format!(
        "objdump -T {}",
        tree.join("usr/bin/nfdecode").display()
    ))?;
    let newest = symbols
        .split("GLIBC_")
        .skip(1)
        .filter_map(|rest| {
            let text = rest.split([')', ' ', '\n']).next()?;
            let mut numbers = text.split('.').map(str::parse::<u32>);
            Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
        })
        .max();
    let (major, minor) = newest.ok_or("the program needs no glibc")?;
    let size = output(&format!("du -sk {}", tree.join("usr").display()))?;
    let size = size.split_whitespace().next().unwrap_or("0");
    Ok(format!(
        "Package: nfdecode\n\
         Version: {version}\n\
         Architecture: {architecture}\n\
         Maintainer: nfdecode developers <nfdecode@localhost>\n\
         Installed-Size: {size}\n\
         Depends: libc6 (>= {major}.{minor}), libgcc-s1\n\
         Recommends: nfdump\n\
         Section: net\n\
         Priority: optional\n\
         Description: read nfcapd flow files, and convert packet captures to flows\n \
         nfdecode reads the flow archives of the nfdump suite: JSON in nfdump's own\n \
         form, CSV, Arrow and Parquet, filters, top talkers and time series. With\n \
         nfpcapd, from the package nfdump, it converts packet captures to flows.\n"
    ))
}

/// A crate in the program.
struct Part {
    name: String,
    version: String,
    license: String,
    folder: PathBuf,
    is_ours: bool,
}

impl Part {
    /// All crates that the program is linked from.
    fn all() -> Result<Vec<Self>, Failure> {
        let metadata = metadata()?;
        let packages = metadata["packages"].as_array().ok_or("no packages")?;
        let nodes = metadata["resolve"]["nodes"].as_array().ok_or("no graph")?;
        let mut ids: Vec<&str> = Vec::new();
        let start = packages
            .iter()
            .find(|package| package["name"] == "nfdecode-cli");
        let mut waiting: Vec<&str> = start
            .and_then(|package| package["id"].as_str())
            .into_iter()
            .collect();
        while let Some(id) = waiting.pop() {
            if ids.contains(&id) {
                continue;
            }
            ids.push(id);
            let node = nodes.iter().find(|node| node["id"] == id);
            let used = node.and_then(|node| node["deps"].as_array());
            for part in used.into_iter().flatten() {
                let kinds = part["dep_kinds"].as_array();
                let is_linked = kinds
                    .into_iter()
                    .flatten()
                    .any(|kind| kind["kind"].is_null());
                waiting.extend(part["pkg"].as_str().filter(|_| is_linked));
            }
        }
        let text =
            |package: &Value, key: &str| package[key].as_str().unwrap_or_default().to_owned();
        let mut parts: Vec<Self> = packages
            .iter()
            .filter(|package| package["id"].as_str().is_some_and(|id| ids.contains(&id)))
            .map(|package| Self {
                name: text(package, "name"),
                version: text(package, "version"),
                license: text(package, "license"),
                folder: Path::new(&text(package, "manifest_path"))
                    .parent()
                    .unwrap_or(Path::new("."))
                    .to_owned(),
                is_ours: package["source"].is_null(),
            })
            .collect();
        parts.sort_by(|one, other| (&one.name, &one.version).cmp(&(&other.name, &other.version)));
        Ok(parts)
    }

    /// Texts of licences in the crate, also of C sources in it.
    fn texts(&self) -> Vec<String> {
        let mut folders = vec![(self.folder.clone(), 0)];
        let mut found = Vec::new();
        while let Some((folder, depth)) = folders.pop() {
            for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
                let name = entry.file_name().to_string_lossy().to_uppercase();
                let path = entry.path();
                if path.is_dir() && depth < 2 {
                    folders.push((path, depth + 1));
                } else if ["LICENSE", "LICENCE", "COPYING", "NOTICE", "UNLICENSE"]
                    .iter()
                    .any(|start| name.starts_with(start))
                {
                    found.extend(fs::read_to_string(path));
                }
            }
        }
        found.sort();
        found
    }
}

/// Licences of everything in the program.
fn copyright(parts: &[Part]) -> String {
    let mut text = String::from(
        "nfdecode, with vendor/libnfdump: MIT OR Apache-2.0.\n\n\
         Linked C libraries: liblz4 (BSD-2-Clause), libzstd (BSD-3-Clause), libbz2 (bzip2 licence).\n\n\
         Linked crates:\n\n",
    );
    // Writing to a String does not fail.
    for part in parts.iter().filter(|part| !part.is_ours) {
        let _ = writeln!(text, "  {} {}: {}", part.name, part.version, part.license);
    }
    let mut texts: Vec<String> = ["LICENSE-MIT", "LICENSE-APACHE"]
        .iter()
        .filter_map(|name| fs::read_to_string(root().join(name)).ok())
        .collect();
    for part in parts.iter().filter(|part| !part.is_ours) {
        for one in part.texts() {
            if !texts.contains(&one) {
                texts.push(one);
            }
        }
    }
    for one in texts {
        let _ = write!(text, "\n{}\n{}\n", "-".repeat(76), one.trim_end());
    }
    text
}

/// The list of parts, in CycloneDX.
fn bill(version: &str, parts: &[Part]) -> Result<String, Failure> {
    let components: Vec<Value> = parts
        .iter()
        .filter(|part| part.name != "nfdecode-cli")
        .map(|part| {
            json!({
                "type": "library",
                "name": part.name,
                "version": part.version,
                "purl": format!("pkg:cargo/{}@{}", part.name, part.version),
                "licenses": [{ "expression": part.license }],
            })
        })
        .collect();
    let document = json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {
            "component": { "type": "application", "name": "nfdecode", "version": version },
        },
        "components": components,
    });
    let text = serde_json::to_string_pretty(&document).map_err(failed)?;
    Ok(format!("{text}\n"))
}
