// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {LedgerAccounts} from "./LedgerAccounts.sol";
import {Protobuf} from "./Protobuf.sol";

/// edream.ledger.v1.MsgSealArchive: readings of a meter in one file, by its name in IPFS. Read of it is who sealed it and which file it is.
library SealedArchives {
    error ArchiveIncomplete();

    /// For IBridge.verifyMessage.
    bytes internal constant TYPE_URL = "/edream.ledger.v1.MsgSealArchive";

    uint256 private constant SIGNER = (1 << 3) | 2;
    uint256 private constant CID = (6 << 3) | 2;
    uint256 private constant FILE_HASH = (9 << 3) | 2;

    /// {signer = 1, meter_id, from_ms, until_ms, version, cid = 6, file_bytes, reading_count, file_hash = 9}, ascending. cid: CIDv1 in binary form.
    function decode(bytes calldata message)
        internal
        pure
        returns (bytes20 signer, bytes calldata cid, bytes32 fileHash)
    {
        cid = message[0:0];
        uint256 offset = 0;
        uint256 tag = 0;
        uint256 seen = 0;
        while (offset < message.length) {
            (tag, offset) = Protobuf.readTagAfter(tag, message, offset);
            if (tag == SIGNER) {
                bytes calldata text;
                (text, offset) = Protobuf.readBytes(message, offset);
                signer = LedgerAccounts.parse(text);
                seen++;
            } else if (tag == CID) {
                (cid, offset) = Protobuf.readBytes(message, offset);
                seen++;
            } else if (tag == FILE_HASH) {
                (fileHash, offset) = Protobuf.readWord(message, offset);
                seen++;
            } else {
                offset = Protobuf.skip(message, offset, tag);
            }
        }
        if (seen != 3) revert ArchiveIncomplete();
    }
}
