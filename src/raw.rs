//! The thin layer over the C ABI: the only `unsafe` of this crate's decoder.
//!
//! Owns the C handles, ties the lifetime of what they point to to Rust borrows, and turns status
//! codes into [`Error`]. Knows nothing of elements or fields.

use std::ffi::{CStr, CString};
use std::os::fd::AsRawFd as _;
use std::path::Path;
use std::ptr::{self, NonNull};
use std::slice;
use std::sync::Arc;

use nfdump_sys as sys;

use crate::error::{Error, ErrorKind, Result};

pub(crate) use sys::{
    nfdump_block_ref as RawBlockRef, nfdump_cursor as RawCursor, nfdump_exporter as RawExporter,
    nfdump_exporter_stat as RawExporterStat, nfdump_flow_ref as RawFlowRef, nfdump_info as RawInfo,
    nfdump_record_ref as RawRecordRef, nfdump_sampler as RawSampler, nfdump_shape as RawShape,
};

#[cfg(feature = "encryption")]
pub(crate) use sys::NFDUMP_OPEN_ENCRYPTED as OPEN_ENCRYPTED;
/// Flags of the open functions.
pub(crate) use sys::{NFDUMP_OPEN_CUT as OPEN_CUT, NFDUMP_OPEN_PARTIAL as OPEN_PARTIAL};

/// An index into the shapes of a block that means "none".
pub(crate) const SHAPE_NONE: u16 = sys::NFDUMP_SHAPE_NONE as u16;

/// Type of flow records of layout 2.
pub(crate) const FLOW: u16 = sys::NFDUMP_RECORD_FLOW as u16;

/// Type of flow records that were made of those of layout 3.
pub(crate) const FLOW_LAYOUT3: u16 = sys::NFDUMP_RECORD_FLOW_LAYOUT3 as u16;

/// Bytes of a block of layouts 1 and 2, stored or decoded, at most.
pub(crate) const BLOCK_MAX: u32 = sys::NFDUMP_BLOCK_MAX;

/// Bytes of a block of layout 3, decoded, at most.
pub(crate) const LAYOUT3_BLOCK_MAX: usize = sys::NFDUMP_LAYOUT3_BLOCK_MAX as usize;

/// The highest element id that files of layout 2 can hold.
pub(crate) const ELEMENT_MAX_LAYOUT2: u8 = sys::NFDUMP_ELEMENT_MAX_LAYOUT2 as u8;

/// Element ids are below this.
pub(crate) const ELEMENT_SLOTS: usize = sys::NFDUMP_ELEMENT_SLOTS as usize;

/// A 32-bit number of a list of places, in the byte order of the host, at any address.
pub(crate) type ListWord = [u8; 4];

/// Words of a list of places that say which elements are there.
pub(crate) const LIST_PRESENT: usize = sys::NFDUMP_LIST_PRESENT as usize;

/// The highest element id of all.
pub(crate) const ELEMENT_MAX: u8 = sys::NFDUMP_ELEMENT_MAX as u8;

/// Turns the C error into ours. `error.reason` is a static string, as nfdump.h promises.
fn convert(error: &sys::nfdump_error) -> Error {
    let kind = match error.status.cast_unsigned() {
        sys::NFDUMP_E_IO => ErrorKind::Io,
        sys::NFDUMP_E_TRUNCATED => ErrorKind::Truncated,
        sys::NFDUMP_E_MAGIC => ErrorKind::NotNfcapd,
        sys::NFDUMP_E_BYTE_ORDER => ErrorKind::OtherByteOrder,
        sys::NFDUMP_E_UNSUPPORTED => ErrorKind::Unsupported,
        sys::NFDUMP_E_COMPRESSED => ErrorKind::Compressed,
        sys::NFDUMP_E_RECORD => ErrorKind::Record,
        sys::NFDUMP_E_ELEMENT => ErrorKind::Element,
        sys::NFDUMP_E_COUNT => ErrorKind::Count,
        sys::NFDUMP_E_CHECKSUM => ErrorKind::Checksum,
        sys::NFDUMP_E_ENCRYPTED => ErrorKind::Encrypted,
        sys::NFDUMP_E_LIMIT => ErrorKind::NotSearched,
        sys::NFDUMP_E_NOMEM => ErrorKind::OutOfMemory,
        _ => ErrorKind::ImpossibleSize,
    };
    let reason = if error.reason.is_null() {
        "unknown reason"
    } else {
        // SAFETY: non-null, and nfdump.h promises a static NUL-terminated string.
        unsafe { CStr::from_ptr(error.reason) }
            .to_str()
            .unwrap_or("unknown reason")
    };
    let converted = if kind == ErrorKind::Io {
        Error::from_io(std::io::Error::from_raw_os_error(error.sys_errno), reason)
    } else {
        Error::new(kind, error.offset, reason).with_numbers(error.value, error.limit)
    };
    let number = |n: u32| (n != sys::NFDUMP_NONE).then_some(n);
    converted.at(number(error.block), number(error.record))
}

/// The damage a view or an info reports, if any.
pub(crate) fn damage(error: &sys::nfdump_error) -> Option<Error> {
    (error.status.cast_unsigned() != sys::NFDUMP_OK).then(|| convert(error))
}

/// A copy of a file's info that may go to other threads.
#[cfg(feature = "encryption")]
#[derive(Clone, Copy)]
pub(crate) struct SharedInfo(pub(crate) RawInfo);

// SAFETY: nfdump.h: the only pointers in an info are the reasons of errors, which are static strings
// that are never modified; everything else are integers.
#[cfg(feature = "encryption")]
unsafe impl Send for SharedInfo {}
// SAFETY: as above.
#[cfg(feature = "encryption")]
unsafe impl Sync for SharedInfo {}

/// What must live as long as a handle does.
enum Source {
    /// The handle opened the file itself.
    Path,
    Descriptor(#[expect(dead_code, reason = "kept open for the handle")] std::fs::File),
    Memory(#[expect(dead_code, reason = "kept for the handle")] Arc<[u8]>),
}

/// An open file, freely shared between threads.
pub(crate) struct RawFile {
    handle: NonNull<sys::nfdump_file>,
    /// What the handle points into or reads, where that is not the handle's own.
    _source: Source,
}

// SAFETY: nfdump.h: any number of threads may use an open file at once; its one part that changes has
// a lock, and the descriptor is only used for positioned reads.
unsafe impl Send for RawFile {}
// SAFETY: as above.
unsafe impl Sync for RawFile {}

impl RawFile {
    pub(crate) fn open(path: &Path, flags: u32) -> Result<Self> {
        use std::os::unix::ffi::OsStrExt as _;
        let path = CString::new(path.as_os_str().as_bytes())
            .map_err(|error| Error::from_io(error.into(), "cannot open"))?;
        Self::finish(Source::Path, |file, error| {
            // SAFETY: `path` is NUL-terminated, `file` and `error` are valid for writes.
            unsafe { sys::nfdump_file_open_path(path.as_ptr(), flags, file, error) }
        })
    }

    pub(crate) fn from_file(file: std::fs::File, flags: u32) -> Result<Self> {
        let descriptor = file.as_raw_fd();
        Self::finish(Source::Descriptor(file), |file, error| {
            // SAFETY: `descriptor` stays open as long as the file stored beside the handle;
            // `file` and `error` are valid for writes.
            unsafe { sys::nfdump_file_open_fd(descriptor, flags, file, error) }
        })
    }

    pub(crate) fn from_memory(bytes: Arc<[u8]>, flags: u32) -> Result<Self> {
        let (data, length) = (bytes.as_ptr(), bytes.len());
        Self::finish(Source::Memory(bytes), |file, error| {
            // SAFETY: `data` is valid for `length` bytes and kept alive, unmoved and unmodified by
            // the Arc stored beside the handle; `file` and `error` are valid for writes.
            unsafe { sys::nfdump_file_open_memory(data, length, flags, file, error) }
        })
    }

    fn finish(
        source: Source,
        open: impl FnOnce(*mut *mut sys::nfdump_file, *mut sys::nfdump_error) -> sys::nfdump_status,
    ) -> Result<Self> {
        let mut handle = ptr::null_mut();
        let mut error = sys::nfdump_error::default();
        let status = open(&raw mut handle, &raw mut error);
        match NonNull::new(handle) {
            Some(handle) if status == sys::NFDUMP_OK => Ok(Self {
                handle,
                _source: source,
            }),
            _ => Err(convert(&error)),
        }
    }

    pub(crate) fn info(&self) -> &RawInfo {
        // SAFETY: the handle is valid, so the result is non-null and lives as long as the handle.
        unsafe { &*sys::nfdump_file_info(self.handle.as_ptr()) }
    }

    /// Damage of the file as a whole that does not prevent reading it.
    pub(crate) fn damage(&self, info: &RawInfo) -> Option<Error> {
        damage(&info.appendix)
    }

    /// Fills `out` with stored bytes.
    #[cfg(feature = "encryption")]
    pub(crate) fn read(&self, offset: u64, out: &mut [u8]) -> Result<()> {
        let mut error = sys::nfdump_error::default();
        // SAFETY: the handle is valid; `out` is valid for writes of its length.
        let status = unsafe {
            sys::nfdump_file_read(
                self.handle.as_ptr(),
                offset,
                out.as_mut_ptr(),
                out.len(),
                &raw mut error,
            )
        };
        if status == sys::NFDUMP_OK {
            Ok(())
        } else {
            Err(convert(&error))
        }
    }

    /// The next block of the chain, `None` after the last. An error ends the chain.
    pub(crate) fn next(&self, cursor: &mut RawCursor) -> Option<Result<RawBlockRef>> {
        let mut found = RawBlockRef::default();
        let mut error = sys::nfdump_error::default();
        // SAFETY: the handle is valid; the other arguments are valid for writes.
        let status = unsafe {
            sys::nfdump_file_next(self.handle.as_ptr(), cursor, &raw mut found, &raw mut error)
        };
        match status {
            sys::NFDUMP_OK => Some(Ok(found)),
            sys::NFDUMP_END => None,
            _ => Some(Err(convert(&error))),
        }
    }
}

impl Drop for RawFile {
    fn drop(&mut self) {
        // SAFETY: the handle is valid and not used again; blocks that point into a file's memory
        // hold an Arc of this RawFile.
        unsafe { sys::nfdump_file_close(self.handle.as_ptr()) }
    }
}

/// Reads ident or statistics from a decrypted block, header included.
#[cfg(feature = "encryption")]
pub(crate) fn decode_info(info: &mut RawInfo, block: &[u8]) -> Result<()> {
    let mut error = sys::nfdump_error::default();
    // SAFETY: `info` is exclusively borrowed, the block is valid for its length.
    let status = unsafe {
        sys::nfdump_info_decode(&raw mut *info, block.as_ptr(), block.len(), &raw mut error)
    };
    if status == sys::NFDUMP_OK {
        Ok(())
    } else {
        Err(convert(&error))
    }
}

/// A view for the library to fill.
fn empty_view() -> sys::nfdump_block_view {
    sys::nfdump_block_view {
        size: size_of::<sys::nfdump_block_view>(),
        ..sys::nfdump_block_view::default()
    }
}

/// A decoder with its buffers, and what it decoded last.
pub(crate) struct RawBlock {
    handle: NonNull<sys::nfdump_block>,
    view: sys::nfdump_block_view,
    /// The file whose memory `view.data` may point into.
    file: Option<Arc<RawFile>>,
    /// A decrypted block; kept for its memory.
    #[cfg(feature = "encryption")]
    decrypted: Vec<u8>,
}

// SAFETY: a block is used by one thread at a time through `&mut`; through `&` only its decoded
// bytes and index are read, which nothing modifies.
unsafe impl Send for RawBlock {}
// SAFETY: as above.
unsafe impl Sync for RawBlock {}

impl RawBlock {
    pub(crate) fn new() -> Result<Self> {
        // SAFETY: no arguments.
        let handle = unsafe { sys::nfdump_block_new() };
        let handle = NonNull::new(handle)
            .ok_or_else(|| Error::new(ErrorKind::OutOfMemory, 0, "no memory for a block"))?;
        Ok(Self {
            handle,
            view: sys::nfdump_block_view::default(),
            file: None,
            #[cfg(feature = "encryption")]
            decrypted: Vec::new(),
        })
    }

    /// Reads and decodes one block; the previous content is gone either way.
    pub(crate) fn load(&mut self, file: &Arc<RawFile>, found: &RawBlockRef) -> Result<()> {
        let mut error = sys::nfdump_error::default();
        let mut view = empty_view();
        self.clear();
        // SAFETY: both handles are valid and `self` is borrowed exclusively; the view is valid for
        // writes.
        let status = unsafe {
            sys::nfdump_block_load(
                self.handle.as_ptr(),
                file.handle.as_ptr(),
                found,
                &raw mut view,
                &raw mut error,
            )
        };
        if status != sys::NFDUMP_OK {
            return Err(convert(&error));
        }
        self.view = view;
        self.file = Some(Arc::clone(file));
        Ok(())
    }

    /// As [`load`](Self::load), of the bytes that `read` makes: the decrypted block, header included.
    #[cfg(feature = "encryption")]
    pub(crate) fn decode(
        &mut self,
        found: &RawBlockRef,
        read: impl FnOnce(&mut Vec<u8>) -> Result<()>,
    ) -> Result<()> {
        let mut error = sys::nfdump_error::default();
        let mut view = empty_view();
        self.clear();
        read(&mut self.decrypted)?;
        // SAFETY: the handle is valid and `self` is borrowed exclusively; the bytes are valid for their
        // length, and as long as the view: they only change when the next block is loaded; the view is
        // valid for writes.
        let status = unsafe {
            sys::nfdump_block_decode(
                self.handle.as_ptr(),
                0,
                found,
                self.decrypted.as_ptr(),
                self.decrypted.len(),
                &raw mut view,
                &raw mut error,
            )
        };
        if status != sys::NFDUMP_OK {
            return Err(convert(&error));
        }
        self.view = view;
        Ok(())
    }

    /// Forgets the content and the file; keeps the buffers but for large ones.
    pub(crate) fn clear(&mut self) {
        self.view = sys::nfdump_block_view::default();
        self.file = None;
        // SAFETY: the handle is valid and `self` is borrowed exclusively; nothing points to its buffers any more.
        unsafe { sys::nfdump_block_trim(self.handle.as_ptr()) }
    }

    pub(crate) fn view(&self) -> &sys::nfdump_block_view {
        &self.view
    }

    pub(crate) fn data(&self) -> &[u8] {
        // SAFETY: nfdump.h: data and data_length describe one readable range that stays valid until
        // the block is loaded again (needs `&mut self`) or the file's memory is freed (held by `self.file`).
        unsafe { slice_of(self.view.data, self.view.data_length) }
    }

    pub(crate) fn flows(&self) -> &[RawFlowRef] {
        // SAFETY: as for `data`; the index belongs to the block.
        unsafe { slice_of(self.view.flows, self.view.num_flows) }
    }

    pub(crate) fn records(&self) -> &[RawRecordRef] {
        // SAFETY: as for `flows`.
        unsafe { slice_of(self.view.records, self.view.num_records) }
    }

    pub(crate) fn shapes(&self) -> &[RawShape] {
        // SAFETY: as for `flows`.
        unsafe { slice_of(self.view.shapes, self.view.num_shapes) }
    }

    fn lists(&self) -> &[sys::nfdump_flow_list] {
        // SAFETY: as for `flows`.
        unsafe { slice_of(self.view.lists, self.view.num_lists) }
    }

    fn list_words(&self) -> &[ListWord] {
        // SAFETY: as for `flows`; four bytes may be read wherever a number of 32 bits may.
        unsafe { slice_of(self.view.list_words.cast(), self.view.num_list_words) }
    }

    /// The list of places of a flow without shape. Empty if it has no elements.
    #[cold]
    pub(crate) fn list(&self, flow: &RawFlowRef) -> &[ListWord] {
        let lists = self.lists();
        let words = self.list_words();
        let Ok(found) = lists.binary_search_by_key(&flow.offset, |list| list.offset) else {
            return &[];
        };
        let first = |number: usize| {
            lists
                .get(number)
                .map_or(words.len(), |list: &sys::nfdump_flow_list| {
                    list.first as usize
                })
        };
        words
            .get(first(found)..first(found + 1))
            .unwrap_or_default()
    }
}

impl Drop for RawBlock {
    fn drop(&mut self) {
        // SAFETY: the handle is valid and not used again.
        unsafe { sys::nfdump_block_free(self.handle.as_ptr()) }
    }
}

/// A slice of what C handed out; empty for null.
///
/// # Safety
/// Unless null, `data` must be valid for reads of `length` values for the lifetime `'a`.
unsafe fn slice_of<'a, T>(data: *const T, length: usize) -> &'a [T] {
    if data.is_null() {
        &[]
    } else {
        // SAFETY: the caller's promise.
        unsafe { slice::from_raw_parts(data, length) }
    }
}

/// The exporter in a type 7 record; `None` if it is not well-formed.
pub(crate) fn parse_exporter(record: &[u8]) -> Option<RawExporter> {
    let mut out = RawExporter::default();
    // SAFETY: the record is valid for its length, `out` for writes.
    let status = unsafe { sys::nfdump_exporter_parse(record.as_ptr(), record.len(), &raw mut out) };
    (status == sys::NFDUMP_OK).then_some(out)
}

/// The sampler in a type 9 or 15 record; `None` if it is not well-formed.
pub(crate) fn parse_sampler(record: &[u8]) -> Option<RawSampler> {
    let mut out = RawSampler::default();
    // SAFETY: as in `parse_exporter`.
    let status = unsafe { sys::nfdump_sampler_parse(record.as_ptr(), record.len(), &raw mut out) };
    (status == sys::NFDUMP_OK).then_some(out)
}

/// Entry `index` of a type 8 record; `None` past the last or if it is not well-formed.
pub(crate) fn exporter_stat_at(record: &[u8], index: u32) -> Option<RawExporterStat> {
    let mut out = RawExporterStat::default();
    // SAFETY: as in `parse_exporter`.
    let status =
        unsafe { sys::nfdump_exporter_stat_at(record.as_ptr(), record.len(), index, &raw mut out) };
    (status == sys::NFDUMP_OK).then_some(out)
}

/// One entry of a name record.
pub(crate) struct RawName<'a> {
    /// Interface index or VRF id.
    pub(crate) number: u32,
    /// Application id.
    pub(crate) id: &'a [u8],
    pub(crate) name: &'a [u8],
    pub(crate) description: Option<&'a [u8]>,
}

/// Entry `index` of a type 12, 13 or 14 record; `None` past the last or if it is not well-formed.
pub(crate) fn name_at(record: &[u8], index: u32) -> Option<RawName<'_>> {
    let mut out = sys::nfdump_name::default();
    // SAFETY: as in `parse_exporter`.
    let status = unsafe { sys::nfdump_name_at(record.as_ptr(), record.len(), index, &raw mut out) };
    if status != sys::NFDUMP_OK {
        return None;
    }
    // SAFETY: nfdump.h: each pointer with its length lies inside `record`, or is null with length 0.
    let (id, name, description) = unsafe {
        (
            slice_of(out.id, out.id_length as usize),
            slice_of(out.name, out.name_length as usize),
            slice_of(out.description, out.description_length as usize),
        )
    };
    Some(RawName {
        number: out.number,
        id,
        name,
        description: (out.has_description != 0).then_some(description),
    })
}
