//! Pages of the values of one chunk: with a dictionary while it saves space, then without.

use arrow_array::{Array as _, StringArray};
use parquet::basic::Encoding;

use crate::columns::parquet::encode::bits::{RUN, hybrid_run, low_byte, low_word};
use crate::columns::parquet::encode::delta::differences;
use crate::columns::parquet::encode::dictionary::{Dictionary, factor};
use crate::columns::parquet::encode::value::{PageValue, range};

/// Values after which a dictionary must save space.
const TRIAL: usize = 4096;
/// Entries of a dictionary at most.
const ENTRIES_MAX: usize = 1 << 16;
/// Entries of a dictionary of words at most: Arrow's reader expects their number to fit a byte.
const WORDS_MAX: usize = 255;

/// How values are stored without a dictionary.
#[derive(Clone, Copy)]
pub(crate) enum PlainForm {
    /// As differences.
    Differences,
    /// As bytes of this width.
    Bytes(usize),
    /// As these words, by number.
    Words(&'static StringArray),
}

/// Encodes the values of a chunk page by page.
pub(crate) struct ValueEncoder<T> {
    pub(crate) dictionary: Dictionary<T>,
    /// Values go to the dictionary.
    uses_dictionary: bool,
    /// Values in pages with dictionary.
    count: usize,
    /// Smallest and largest of the values that are not in the dictionary.
    outside: Option<(T, T)>,
}

impl<T: PageValue> ValueEncoder<T> {
    pub(crate) fn new(uses_dictionary: bool) -> Self {
        Self {
            dictionary: Dictionary::new(),
            uses_dictionary,
            count: 0,
            outside: None,
        }
    }

    /// Smallest and largest value of the chunk.
    pub(crate) fn range(&self) -> Option<(T, T)> {
        let inside = range(&self.dictionary.entries);
        match (inside, self.outside) {
            (Some(a), Some(b)) => Some((a.0.min(b.0), a.1.max(b.1))),
            (inside, outside) => inside.or(outside),
        }
    }

    /// Appends the values of a page. `numbers` is a buffer.
    pub(crate) fn encode(
        &mut self,
        values: &[T],
        plain: PlainForm,
        numbers: &mut Vec<u32>,
        page: &mut Vec<u8>,
    ) -> Encoding {
        if self.uses_dictionary && self.collect(values, plain, numbers) {
            let last = self.dictionary.entries.len().saturating_sub(1) as u64;
            let width = u64::BITS - last.leading_zeros();
            page.push(low_byte(width.into()));
            for run in numbers.chunks(RUN) {
                hybrid_run(run, width, page);
            }
            return Encoding::RLE_DICTIONARY;
        }
        if let Some((low, high)) = range(values) {
            let known = self.outside.get_or_insert((low, high));
            *known = (known.0.min(low), known.1.max(high));
        }
        match plain {
            PlainForm::Differences => {
                differences(values, page);
                Encoding::DELTA_BINARY_PACKED
            }
            PlainForm::Bytes(width) => {
                page.reserve(values.len() * width);
                for value in values {
                    value.put(width, page);
                }
                Encoding::PLAIN
            }
            PlainForm::Words(words) => {
                write_words(values.iter().map(|key| low_word(key.bits())), words, page);
                Encoding::PLAIN
            }
        }
    }

    /// Finds the numbers of values; false if the dictionary does not save space.
    fn collect(&mut self, values: &[T], plain: PlainForm, numbers: &mut Vec<u32>) -> bool {
        // A number and its entry occupy more space than the bytes that would be stored otherwise.
        let share = match plain {
            PlainForm::Differences => 4,
            PlainForm::Bytes(_) => 2,
            PlainForm::Words(_) => 1,
        };
        let most = match plain {
            PlainForm::Words(_) => WORDS_MAX,
            _ => ENTRIES_MAX,
        };
        let saves =
            |entries: usize, values: usize| entries * share <= values.max(TRIAL) && entries <= most;
        if !saves(self.dictionary.entries.len(), self.count) {
            self.uses_dictionary = false;
            return false;
        }
        numbers.clear();
        numbers.reserve(values.len());
        let factor = factor();
        let dictionary = &mut self.dictionary;
        let known = dictionary.entries.len();
        let is_first = self.count == 0;
        for part in values.chunks(TRIAL) {
            numbers.extend(part.iter().map(|value| dictionary.number(*value, factor)));
            if is_first && !saves(dictionary.entries.len(), numbers.len()) {
                // No page uses it yet.
                *dictionary = Dictionary::new();
                self.uses_dictionary = false;
                return false;
            }
        }
        if matches!(plain, PlainForm::Words(_)) && dictionary.entries.len() > most {
            // Earlier pages use only those.
            dictionary.entries.truncate(known);
            self.uses_dictionary = false;
            return false;
        }
        self.count += values.len();
        true
    }
}

/// Appends words by key, each with its length.
pub(crate) fn write_words(
    keys: impl IntoIterator<Item = u32>,
    words: &StringArray,
    page: &mut Vec<u8>,
) {
    for key in keys {
        let word = word(words, key).as_bytes();
        // Words are a few letters long.
        page.extend_from_slice(&low_word(word.len() as u64).to_le_bytes());
        page.extend_from_slice(word);
    }
}

/// The word with a key; empty if there is none.
pub(crate) fn word(words: &StringArray, key: u32) -> &str {
    let key = key as usize;
    if key < words.len() {
        words.value(key)
    } else {
        ""
    }
}
