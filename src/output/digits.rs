//! Tables of digits.

const HEX: &[u8; 16] = b"0123456789abcdef";

/// Two hexadecimal digits for each byte.
pub(crate) static HEX_PAIRS: [[u8; 2]; 256] = {
    let mut table = [[0; 2]; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = [HEX[byte >> 4], HEX[byte & 15]];
        byte += 1;
    }
    table
};

/// Numbers below 1000: three digits with leading zeros, and the number of leading zeros.
pub(crate) static THREE_DIGITS: [[u8; 4]; 1000] = {
    let mut table = [[0; 4]; 1000];
    let mut number = 0;
    while number < 1000 {
        let zeros = if number < 10 {
            2
        } else if number < 100 {
            1
        } else {
            0
        };
        table[number] = [
            b'0' + (number / 100) as u8,
            b'0' + (number / 10 % 10) as u8,
            b'0' + (number % 10) as u8,
            zeros,
        ];
        number += 1;
    }
    table
};
