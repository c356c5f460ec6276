//! Settings for the conversion of one capture.

use std::env;
use std::fmt;
use std::io::{Cursor, Read};
use std::ops::{ControlFlow, RangeInclusive};
use std::path::PathBuf;
use std::time::Duration;

use crate::convert::conversion::{Callback, Conversion, Plan, Progress};
use crate::convert::error::ConvertError;
use crate::convert::prepare::CaptureSource;
use crate::convert::program::Nfpcapd;
use crate::convert::run::Job;
use crate::convert::workdir::WorkDir;

/// nfpcapd moves all the time unless its disk is full.
const STALL: Duration = Duration::from_secs(60);
/// Flow timeouts of nfpcapd in seconds if none are given.
const DEFAULT_ACTIVE: u64 = 300;
const DEFAULT_INACTIVE: u64 = 60;

/// Settings for the conversion of one capture to nfcapd files.
///
/// The capture may be pcap or pcapng, plain or compressed with gzip or zstd. The program nfpcapd
/// (Debian package `nfdump`) does the work; what it would refuse or drop is rewritten first. All files
/// are in a private temporary directory, which is removed with the [`Conversion`].
///
/// ```
/// use nfdecode::convert::Convert;
///
/// # if nfdecode::convert::Nfpcapd::find(None).is_err() { return Ok(()) }
/// let mut conversion = Convert::file("tests/fixtures/captures/office.pcap").start()?;
/// for file in &mut conversion {
///     let file = file?;
///     for block in file.open()?.blocks() {
///         println!("{}: {} flows", file.name(), block?.len());
///     }
/// }
/// for message in conversion.messages() {
///     eprintln!("{message}");
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "start() begins the conversion"]
pub struct Convert<'a> {
    source: CaptureSource<'a>,
    name: String,
    program: Option<Nfpcapd>,
    nfpcapd: Option<PathBuf>,
    work: Option<WorkDir>,
    callback: Option<Callback<'a>>,
    slot: Duration,
    timeout: Option<Duration>,
    payload: bool,
    active: Option<Duration>,
    inactive: Option<Duration>,
    packet_filter: Option<String>,
}

impl fmt::Debug for Convert<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Convert")
            .field("name", &self.name)
            .field("slot", &self.slot)
            .finish_non_exhaustive()
    }
}

impl<'a> Convert<'a> {
    /// Converts the capture at `path`. Pipes and devices are read once.
    pub fn file(path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        let name = path.display().to_string();
        Self::new(CaptureSource::Path(path), name)
    }

    /// Converts the capture that `reader` returns.
    pub fn reader(reader: impl Read + Send + 'a) -> Self {
        Self::new(
            CaptureSource::Reader(Box::new(reader)),
            "the capture".to_owned(),
        )
    }

    /// Converts a capture in memory.
    pub fn bytes(bytes: impl AsRef<[u8]> + Send + 'a) -> Self {
        Self::reader(Cursor::new(bytes))
    }

    fn new(source: CaptureSource<'a>, name: String) -> Self {
        Self {
            source,
            name,
            program: None,
            nfpcapd: None,
            work: None,
            callback: None,
            slot: Duration::from_secs(300),
            timeout: None,
            payload: false,
            active: None,
            inactive: None,
            packet_filter: None,
        }
    }

    /// Sets the name of the capture in messages; default: its path.
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Sets the length of the time slot of one file: whole seconds, 2 s to 68 years; default 5 minutes.
    pub fn slot(mut self, slot: Duration) -> Self {
        self.slot = slot;
        self
    }

    /// Sets the maximum run time of nfpcapd; default: none. It is always stopped after 60 s without
    /// progress.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Sets the path of nfpcapd; default: the environment variable `NFPCAPD`, then `PATH`.
    pub fn nfpcapd(mut self, path: impl Into<PathBuf>) -> Self {
        self.nfpcapd = Some(path.into());
        self
    }

    /// Sets an nfpcapd that has been found already, instead of [`nfpcapd`](Self::nfpcapd).
    pub fn program(mut self, program: Nfpcapd) -> Self {
        self.program = Some(program);
        self
    }

    /// Stores the first payload of each flow, for payload filters and TLS and DNS fields; default: no.
    ///
    /// nfpcapd up to 1.7.10 crashes on payloads of more than about 65,400 bytes, which is reported as
    /// [`ConvertError::Killed`]. Zero bytes that fill up a cut packet are part of its payload.
    pub fn payload(mut self, payload: bool) -> Self {
        self.payload = payload;
        self
    }

    /// Sets the time after which an active flow is stored: 1 to 3600 s; default 300 s.
    /// nfpcapd 1.7.10 hardly applies flow timeouts to captures.
    pub fn active_timeout(mut self, timeout: Duration) -> Self {
        self.active = Some(timeout);
        self
    }

    /// Sets the time without packets after which a flow is stored: 1 to 3600 s; default 60 s.
    pub fn inactive_timeout(mut self, timeout: Duration) -> Self {
        self.inactive = Some(timeout);
        self
    }

    /// Converts only packets that a filter in libpcap's language selects, as `tcp port 443`.
    pub fn packet_filter(mut self, filter: impl Into<String>) -> Self {
        self.packet_filter = Some(filter.into());
        self
    }

    /// Sets a callback for progress, called about every tenth of a second. Returning `Break` ends the
    /// conversion with [`ConvertError::Cancelled`].
    pub fn on_progress(mut self, callback: impl FnMut(Progress) -> ControlFlow<()> + 'a) -> Self {
        self.callback = Some(Box::new(callback));
        self
    }

    /// Uses a directory that has been made already; default: a new one in `TMPDIR` or `/tmp`.
    pub fn work_dir(mut self, work: WorkDir) -> Self {
        self.work = Some(work);
        self
    }

    /// Checks the settings without starting anything.
    ///
    /// # Errors
    /// A setting is out of range.
    pub fn validate(&self) -> Result<(), ConvertError> {
        self.job().map(drop)
    }

    /// Finds nfpcapd, and inspects the beginning of the capture or rewrites all of it.
    ///
    /// # Errors
    /// A setting is out of range, nfpcapd is missing, or the capture cannot be used.
    pub fn start(self) -> Result<Conversion<'a>, ConvertError> {
        let job = self.job()?;
        let capture_file = self
            .source
            .file()
            .map_err(|source| ConvertError::CannotOpen {
                name: self.name.clone(),
                source,
            })?;
        let program = match self.program {
            Some(program) => program,
            None => Nfpcapd::find(self.nfpcapd.as_deref())?,
        };
        let work = match self.work {
            Some(work) => work,
            None => WorkDir::new().map_err(|source| ConvertError::Temporary {
                directory: env::temp_dir(),
                source,
            })?,
        };
        Conversion::begin(Plan {
            source: self.source,
            name: self.name,
            program,
            work,
            callback: self.callback,
            job,
            capture_file,
        })
    }

    fn job(&self) -> Result<Job, ConvertError> {
        let check = |setting, time: Duration, range: RangeInclusive<u64>, least, most| match range
            .contains(&time.as_secs())
        {
            true => Ok(time.as_secs()),
            false => Err(ConvertError::OutOfRange {
                setting,
                least,
                most,
            }),
        };
        check(
            "the slot",
            self.slot,
            2..=0x7FFF_FFFF,
            "2 seconds",
            "68 years",
        )?;
        let flow_timeout = |setting, time: Option<Duration>| {
            time.map(|time| check(setting, time, 1..=3600, "1 second", "1 hour"))
                .transpose()
        };
        let active = flow_timeout("the active timeout", self.active)?;
        let inactive = flow_timeout("the inactive timeout", self.inactive)?;
        let flow_timeouts = (active.is_some() || inactive.is_some()).then(|| {
            (
                active.unwrap_or(DEFAULT_ACTIVE),
                inactive.unwrap_or(DEFAULT_INACTIVE),
            )
        });
        Ok(Job {
            capture: PathBuf::new(),
            slot: self.slot,
            timeout: self.timeout,
            stall: STALL,
            payload: self.payload,
            flow_timeouts,
            packet_filter: self.packet_filter.clone(),
        })
    }
}
