//! The functions of SQL: one table with their names, arguments, documentation and code.
//!
//! Registers them with DataFusion. The other files of this folder compute their results.

pub(crate) mod address;
pub(crate) mod arguments;
pub(crate) mod nfdump;
pub(crate) mod numbers;
pub(crate) mod ports;

use std::hash::{Hash, Hasher};
use std::sync::{Arc, OnceLock};

use arrow::array::{Array, ArrayRef};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, FieldRef, TimeUnit};
use datafusion::common::{DataFusionError, Result, ScalarValue};
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    Volatility,
};

use crate::functions::arguments::is_text;

/// The name of the function that is a filter.
pub(crate) const NFDUMP: &str = "nfdump";
/// The name of the function that looks for networks.
pub(crate) const IN_NET: &str = "in_net";

/// The type of an argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// An address; text is read as one.
    Address,
    Mac,
    Text,
    Number,
    Time,
    /// Any column.
    Any,
}

/// The type of a result.
#[derive(Clone, Copy, Debug)]
enum Gives {
    Address,
    Text,
    Bool,
    U8,
    U64,
}

/// A function of SQL.
#[derive(Debug)]
pub struct Function {
    /// Its name.
    pub name: &'static str,
    /// How it is called.
    pub syntax: &'static str,
    /// What it gives.
    pub doc: &'static str,
    /// What it gives where an argument is null.
    pub nulls: &'static str,
    takes: &'static [Kind],
    /// How many of `takes` must be there at least.
    needs: usize,
    /// Whether the last of `takes` may come more than once.
    repeats: bool,
    gives: Gives,
    compute: fn(&[ArrayRef]) -> Result<ArrayRef>,
}

/// All functions, in the order of the documentation.
#[must_use]
pub fn functions() -> &'static [Function] {
    FUNCTIONS
}

const NULL: &str = "null";

macro_rules! functions {
    ($( $name:expr, $syntax:literal [$($takes:ident)*] $needs:literal $repeats:literal -> $gives:ident, $compute:expr, $nulls:expr, $doc:literal; )*) => {
        static FUNCTIONS: &[Function] = &[ $( Function {
            name: $name,
            syntax: $syntax,
            doc: $doc,
            nulls: $nulls,
            takes: &[$(Kind::$takes),*],
            needs: $needs,
            repeats: $repeats,
            gives: Gives::$gives,
            compute: $compute,
        }, )* ];
    };
}

functions! {
    "ip", "ip(text)" [Text] 1 false -> Address, address::ip, NULL,
        "The address that a text is; an error if it is none.";
    "try_ip", "try_ip(text)" [Text] 1 false -> Address, address::try_ip, NULL,
        "The address that a text is; null if it is none.";
    "ip_text", "ip_text(address)" [Address] 1 false -> Text, address::ip_text, NULL,
        "An address as text; CAST(address AS VARCHAR) is the same.";
    IN_NET, "in_net(address, network, …)" [Address Text] 2 true -> Bool, address::in_net, "null; a null network beside one that has the address does not matter",
        "Whether the address is in one of the networks. IPv4 addresses are in no network of IPv6.";
    "net", "net(address, bits4[, bits6])" [Address Number Number] 2 false -> Address, address::net, NULL,
        "The network of an address: its first bits4 bits of IPv4 or bits6 bits of IPv6 (48 if left out), the others 0.";
    "family", "family(address)" [Address] 1 false -> U8, address::family, NULL,
        "4 for IPv4 addresses, 6 for IPv6 addresses.";
    "is_private", "is_private(address)" [Address] 1 false -> Bool, address::is_private, NULL,
        "Whether the address is one that the Internet does not route: 10/8, 172.16/12, 192.168/16, 100.64/10, 169.254/16, 127/8, fc00::/7, fe80::/10, ::1.";
    "proto", "proto(name)" [Text] 1 false -> U8, numbers::proto, NULL,
        "The number of an IP protocol: 'tcp' is 6; an error if there is none of this name.";
    "proto_name", "proto_name(number)" [Number] 1 false -> Text, numbers::proto_name, NULL,
        "nfdump's name of an IP protocol; the number if it has none.";
    "port_name", "port_name(number)" [Number] 1 false -> Text, numbers::port_name, NULL,
        "The name of the service that usually has this port; the number if none is known.";
    "tcp_flags", "tcp_flags(number)" [Number] 1 false -> Text, numbers::tcp_flags, NULL,
        "TCP flags as nfdump shows them, such as ...AP.SF.";
    "has_flags", "has_flags(number, letters)" [Number Text] 2 false -> Bool, numbers::has_flags, NULL,
        "Whether all these TCP flags are set; the letters are those of CEUAPRSF.";
    "mac_text", "mac_text(mac)" [Mac] 1 false -> Text, address::mac_text, NULL,
        "A MAC address as text, such as 00:00:5e:00:53:01.";
    "bps", "bps(bytes, first, last)" [Number Time Time] 3 false -> U64, numbers::bps, NULL,
        "Bits per second; 0 for flows without duration.";
    "pps", "pps(packets, first, last)" [Number Time Time] 3 false -> U64, numbers::pps, NULL,
        "Packets per second; 0 for flows without duration.";
    "duration", "duration(first, last)" [Time Time] 2 false -> U64, numbers::duration, NULL,
        "Milliseconds from the one to the other; 0 if the flow ends before it starts.";
    NFDUMP, "nfdump('filter'[, column])" [Text Any] 1 false -> Bool, |_| Err(nfdump::misplaced()), "never null",
        "Whether nfdump's filter selects the flow. A condition of WHERE; the column says which table is meant where there are two.";
}

impl Gives {
    fn data_type(self) -> DataType {
        match self {
            Self::Address => DataType::FixedSizeBinary(16),
            Self::Text => DataType::Utf8,
            Self::Bool => DataType::Boolean,
            Self::U8 => DataType::UInt8,
            Self::U64 => DataType::UInt64,
        }
    }
}

impl Kind {
    /// The type that an argument is converted to.
    fn coerce(self, given: &DataType) -> Option<DataType> {
        let is_text = is_text(given) || given.is_null();
        match self {
            Self::Any => Some(given.clone()),
            Self::Address if address::is_address(given) => Some(given.clone()),
            Self::Address | Self::Text if is_text => Some(DataType::Utf8),
            Self::Mac if address::is_mac(given) || given.is_null() => {
                Some(DataType::FixedSizeBinary(6))
            }
            Self::Number if given.is_integer() || given.is_null() => Some(DataType::UInt64),
            Self::Number if matches!(given, DataType::Decimal128(_, 0)) => Some(DataType::UInt64),
            Self::Time if matches!(given, DataType::Timestamp(..)) || given.is_null() => Some(
                DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into())),
            ),
            _ => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Address => "an address",
            Self::Mac => "a MAC address",
            Self::Text => "text",
            Self::Number => "a number",
            Self::Time => "a time",
            Self::Any => "a column",
        }
    }
}

/// A function as DataFusion knows it.
#[derive(Debug)]
struct Udf {
    function: &'static Function,
    signature: Signature,
}

impl PartialEq for Udf {
    fn eq(&self, other: &Self) -> bool {
        self.function.name == other.function.name
    }
}

impl Eq for Udf {}

impl Hash for Udf {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.function.name.hash(state);
    }
}

impl ScalarUDFImpl for Udf {
    fn name(&self) -> &str {
        self.function.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(self.function.gives.data_type())
    }

    fn return_field_from_args(&self, _: ReturnFieldArgs) -> Result<FieldRef> {
        let field = Field::new(self.name(), self.function.gives.data_type(), true);
        Ok(Arc::new(match self.function.gives {
            Gives::Address => address::marked(field),
            _ => field,
        }))
    }

    fn coerce_types(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        let Function {
            takes,
            needs,
            repeats,
            syntax,
            ..
        } = self.function;
        let wrong = |reason: String| DataFusionError::Plan(format!("{syntax}: {reason}"));
        if given.len() < *needs || (given.len() > takes.len() && !repeats) {
            return Err(wrong(format!(
                "it was called with {} arguments",
                given.len()
            )));
        }
        let last = takes.last().copied().unwrap_or(Kind::Any);
        given
            .iter()
            .enumerate()
            .map(|(place, given)| {
                let kind = takes.get(place).copied().unwrap_or(last);
                kind.coerce(given).ok_or_else(|| {
                    wrong(format!(
                        "argument {} is {}, not {given}",
                        place + 1,
                        kind.name()
                    ))
                })
            })
            .collect()
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let is_scalar = |value: &ColumnarValue| matches!(value, ColumnarValue::Scalar(_));
        let is_constant = args.args.iter().all(is_scalar);
        let rows = if is_constant { 1 } else { args.number_rows };
        let arrays = args.args.iter().map(|value| -> Result<ArrayRef> {
            let array = value.to_array(rows)?;
            // A null without a type.
            match array.data_type() {
                DataType::Null => Ok(cast(&array, &DataType::Utf8)?),
                _ => Ok(array),
            }
        });
        let found = (self.function.compute)(&arrays.collect::<Result<Vec<_>>>()?)?;
        if is_constant {
            return ScalarValue::try_from_array(&found, 0).map(ColumnarValue::Scalar);
        }
        Ok(ColumnarValue::Array(found))
    }
}

/// The functions as DataFusion knows them.
pub(crate) fn udfs() -> &'static [Arc<ScalarUDF>] {
    static UDFS: OnceLock<Vec<Arc<ScalarUDF>>> = OnceLock::new();
    UDFS.get_or_init(|| {
        FUNCTIONS
            .iter()
            .map(|function| {
                Arc::new(ScalarUDF::new_from_impl(Udf {
                    function,
                    signature: Signature::user_defined(Volatility::Immutable),
                }))
            })
            .collect()
    })
}

/// The function of this name, which is one of the table.
pub(crate) fn udf(name: &str) -> Result<Arc<ScalarUDF>> {
    let found = udfs().iter().find(|udf| udf.name() == name);
    found
        .cloned()
        .ok_or_else(|| DataFusionError::Internal(format!("no function {name}")))
}
