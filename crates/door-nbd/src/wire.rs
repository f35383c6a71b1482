//! The numbers of the NBD protocol, under the names that its specification gives them.
//!
//! Deliberately absent: what they mean for a session. Numbers of features that are not spoken here
//! stand only where a client that uses them needs an answer of its own.

/// "NBDMAGIC", the first eight bytes of a server.
pub(crate) const NBDMAGIC: u64 = 0x4e42_444d_4147_4943;
/// "IHAVEOPT": after [`NBDMAGIC`] it says newstyle; each option of a client begins with it.
pub(crate) const IHAVEOPT: u64 = 0x4948_4156_454f_5054;
/// Begins each answer to an option.
pub(crate) const OPTION_REPLY_MAGIC: u64 = 0x0003_e889_0455_65a9;
/// `NBD_REQUEST_MAGIC`.
pub(crate) const REQUEST_MAGIC: u32 = 0x2560_9513;
/// `NBD_SIMPLE_REPLY_MAGIC`.
pub(crate) const SIMPLE_REPLY_MAGIC: u32 = 0x6744_6698;
/// `NBD_STRUCTURED_REPLY_MAGIC`.
pub(crate) const STRUCTURED_REPLY_MAGIC: u32 = 0x668e_33ef;

/// Bytes before the data of an option.
pub(crate) const OPTION_HEADER: usize = 16;
/// Bytes of a request before its payload.
pub(crate) const REQUEST_HEADER: usize = 28;
/// Zeroes after the answer to `NBD_OPT_EXPORT_NAME`, unless both sides waive them.
pub(crate) const EXPORT_NAME_ZEROES: usize = 124;

/// `NBD_FLAG_FIXED_NEWSTYLE`.
pub(crate) const FLAG_FIXED_NEWSTYLE: u16 = 1 << 0;
/// `NBD_FLAG_NO_ZEROES`.
pub(crate) const FLAG_NO_ZEROES: u16 = 1 << 1;
/// `NBD_FLAG_C_FIXED_NEWSTYLE`.
pub(crate) const CLIENT_FIXED_NEWSTYLE: u32 = 1 << 0;
/// `NBD_FLAG_C_NO_ZEROES`.
pub(crate) const CLIENT_NO_ZEROES: u32 = 1 << 1;

/// `NBD_OPT_EXPORT_NAME`.
pub(crate) const OPT_EXPORT_NAME: u32 = 1;
/// `NBD_OPT_ABORT`.
pub(crate) const OPT_ABORT: u32 = 2;
/// `NBD_OPT_LIST`.
pub(crate) const OPT_LIST: u32 = 3;
/// `NBD_OPT_STARTTLS`.
pub(crate) const OPT_STARTTLS: u32 = 5;
/// `NBD_OPT_INFO`.
pub(crate) const OPT_INFO: u32 = 6;
/// `NBD_OPT_GO`.
pub(crate) const OPT_GO: u32 = 7;
/// `NBD_OPT_STRUCTURED_REPLY`.
pub(crate) const OPT_STRUCTURED_REPLY: u32 = 8;
/// `NBD_OPT_LIST_META_CONTEXT`.
pub(crate) const OPT_LIST_META_CONTEXT: u32 = 9;
/// `NBD_OPT_SET_META_CONTEXT`.
pub(crate) const OPT_SET_META_CONTEXT: u32 = 10;
/// `NBD_OPT_EXTENDED_HEADERS`.
pub(crate) const OPT_EXTENDED_HEADERS: u32 = 11;

/// `NBD_REP_ACK`.
pub(crate) const REP_ACK: u32 = 1;
/// `NBD_REP_SERVER`.
pub(crate) const REP_SERVER: u32 = 2;
/// `NBD_REP_INFO`.
pub(crate) const REP_INFO: u32 = 3;
/// `NBD_REP_META_CONTEXT`.
pub(crate) const REP_META_CONTEXT: u32 = 4;
/// `NBD_REP_ERR_UNSUP`.
pub(crate) const REP_ERR_UNSUP: u32 = (1 << 31) + 1;
/// `NBD_REP_ERR_POLICY`.
pub(crate) const REP_ERR_POLICY: u32 = (1 << 31) + 2;
/// `NBD_REP_ERR_INVALID`.
pub(crate) const REP_ERR_INVALID: u32 = (1 << 31) + 3;
/// `NBD_REP_ERR_UNKNOWN`.
pub(crate) const REP_ERR_UNKNOWN: u32 = (1 << 31) + 6;
/// `NBD_REP_ERR_TOO_BIG`.
pub(crate) const REP_ERR_TOO_BIG: u32 = (1 << 31) + 9;

/// `NBD_INFO_EXPORT`.
pub(crate) const INFO_EXPORT: u16 = 0;
/// `NBD_INFO_NAME`.
pub(crate) const INFO_NAME: u16 = 1;
/// `NBD_INFO_DESCRIPTION`.
pub(crate) const INFO_DESCRIPTION: u16 = 2;
/// `NBD_INFO_BLOCK_SIZE`.
pub(crate) const INFO_BLOCK_SIZE: u16 = 3;

/// `NBD_FLAG_HAS_FLAGS`.
pub(crate) const FLAG_HAS_FLAGS: u16 = 1 << 0;
/// `NBD_FLAG_READ_ONLY`.
pub(crate) const FLAG_READ_ONLY: u16 = 1 << 1;
/// `NBD_FLAG_SEND_FLUSH`.
pub(crate) const FLAG_SEND_FLUSH: u16 = 1 << 2;
/// `NBD_FLAG_SEND_FUA`.
pub(crate) const FLAG_SEND_FUA: u16 = 1 << 3;
/// `NBD_FLAG_SEND_TRIM`.
pub(crate) const FLAG_SEND_TRIM: u16 = 1 << 5;
/// `NBD_FLAG_SEND_WRITE_ZEROES`.
pub(crate) const FLAG_SEND_WRITE_ZEROES: u16 = 1 << 6;
/// `NBD_FLAG_SEND_DF`.
pub(crate) const FLAG_SEND_DF: u16 = 1 << 7;
/// `NBD_FLAG_CAN_MULTI_CONN`.
pub(crate) const FLAG_CAN_MULTI_CONN: u16 = 1 << 8;
/// `NBD_FLAG_SEND_CACHE`.
pub(crate) const FLAG_SEND_CACHE: u16 = 1 << 10;

/// `NBD_CMD_READ`.
pub(crate) const CMD_READ: u16 = 0;
/// `NBD_CMD_WRITE`.
pub(crate) const CMD_WRITE: u16 = 1;
/// `NBD_CMD_DISC`.
pub(crate) const CMD_DISC: u16 = 2;
/// `NBD_CMD_FLUSH`.
pub(crate) const CMD_FLUSH: u16 = 3;
/// `NBD_CMD_TRIM`.
pub(crate) const CMD_TRIM: u16 = 4;
/// `NBD_CMD_CACHE`.
pub(crate) const CMD_CACHE: u16 = 5;
/// `NBD_CMD_WRITE_ZEROES`.
pub(crate) const CMD_WRITE_ZEROES: u16 = 6;
/// `NBD_CMD_BLOCK_STATUS`.
pub(crate) const CMD_BLOCK_STATUS: u16 = 7;

/// `NBD_CMD_FLAG_FUA`.
pub(crate) const CMD_FLAG_FUA: u16 = 1 << 0;
/// `NBD_CMD_FLAG_NO_HOLE`.
pub(crate) const CMD_FLAG_NO_HOLE: u16 = 1 << 1;
/// `NBD_CMD_FLAG_DF`.
pub(crate) const CMD_FLAG_DF: u16 = 1 << 2;
/// `NBD_CMD_FLAG_REQ_ONE`.
pub(crate) const CMD_FLAG_REQ_ONE: u16 = 1 << 3;

/// `NBD_REPLY_FLAG_DONE`.
pub(crate) const REPLY_FLAG_DONE: u16 = 1 << 0;
/// `NBD_REPLY_TYPE_OFFSET_DATA`.
pub(crate) const REPLY_OFFSET_DATA: u16 = 1;
/// `NBD_REPLY_TYPE_BLOCK_STATUS`.
pub(crate) const REPLY_BLOCK_STATUS: u16 = 5;
/// `NBD_REPLY_TYPE_ERROR`.
pub(crate) const REPLY_ERROR: u16 = (1 << 15) + 1;
/// `NBD_REPLY_TYPE_ERROR_OFFSET`.
pub(crate) const REPLY_ERROR_OFFSET: u16 = (1 << 15) + 2;

/// `NBD_STATE_HOLE`.
pub(crate) const STATE_HOLE: u32 = 1 << 0;
/// `NBD_STATE_ZERO`.
pub(crate) const STATE_ZERO: u32 = 1 << 1;

/// The metadata context that is served.
pub(crate) const BASE_ALLOCATION: &str = "base:allocation";
/// Its number in replies.
pub(crate) const BASE_ALLOCATION_ID: u32 = 1;

/// The error numbers that a reply may carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ErrorNumber {
    /// `NBD_EPERM`: the export is read-only.
    NotPermitted,
    /// `NBD_EIO`: the array cannot give or take it.
    InputOutput,
    /// `NBD_EINVAL`: the request makes no sense.
    Invalid,
    /// `NBD_ENOSPC`: a write beyond the end.
    NoSpace,
    /// `NBD_EOVERFLOW`: too long for a reply in one piece.
    Overflow,
    /// `NBD_ENOTSUP`: the array does not do it.
    Unsupported,
    /// `NBD_ESHUTDOWN`: the array is being stopped.
    Shutdown,
}

impl ErrorNumber {
    /// The number in the reply.
    pub(crate) const fn number(self) -> u32 {
        match self {
            Self::NotPermitted => 1,
            Self::InputOutput => 5,
            Self::Invalid => 22,
            Self::NoSpace => 28,
            Self::Overflow => 75,
            Self::Unsupported => 95,
            Self::Shutdown => 108,
        }
    }
}
