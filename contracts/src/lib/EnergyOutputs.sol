// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Strings} from "@openzeppelin/contracts/utils/Strings.sol";
import {LedgerAccounts} from "./LedgerAccounts.sol";
import {LedgerTx} from "./LedgerTx.sol";
import {Protobuf} from "./Protobuf.sol";

/// Energy assets of the ledger: the record of an unspent output, and who signed the transaction that made it.
library EnergyOutputs {
    error NoEnergyTransaction(bytes typeUrl);
    error OutputIncomplete();
    error OutputQuantityWrong(bytes quantity);
    /// It takes this many of these accounts to spend it, instead of one of one.
    error OutputLockWrong(uint64 threshold);

    bytes32 private constant TRANSFER_HASH = keccak256("/edream.ledger.v1.MsgTransferEnergy");
    bytes32 private constant REGISTER_HASH = keccak256("/edream.ledger.v1.MsgRegisterEnergy");
    bytes32 private constant ELECTRICITY_HASH = keccak256("electricity");

    uint256 private constant TAG_1_NUMBER = 1 << 3;
    uint256 private constant TAG_1_BYTES = (1 << 3) | 2;
    uint256 private constant TAG_2_BYTES = (2 << 3) | 2;
    uint256 private constant TAG_3_NUMBER = 3 << 3;
    uint256 private constant TAG_4_BYTES = (4 << 3) | 2;

    /// For hexOf: so many bytes of a word at the front of each group of four times as many.
    uint256 private constant BYTES_8 = 0xFFFFFFFFFFFFFFFF000000000000000000000000000000000000000000000000;
    uint256 private constant BYTES_4 = 0xFFFFFFFF000000000000000000000000FFFFFFFF000000000000000000000000;
    uint256 private constant BYTES_2 = 0xFFFF000000000000FFFF000000000000FFFF000000000000FFFF000000000000;
    uint256 private constant BYTES_1 = 0xFF000000FF000000FF000000FF000000FF000000FF000000FF000000FF000000;
    uint256 private constant NIBBLES = 0x000F000F000F000F000F000F000F000F000F000F000F000F000F000F000F000F;
    uint256 private constant EACH_BYTE = 0x0101010101010101010101010101010101010101010101010101010101010101;

    /// What the record stands under in the ledger's state: `output/<transaction id, hex>/<index>`.
    function stateKey(bytes32 txId, uint32 index) internal pure returns (bytes memory) {
        // forge-lint: disable-next-line(unsafe-typecast)
        bytes32 low = hexOf(bytes16(uint128(uint256(txId))));
        // forge-lint: disable-next-line(unsafe-typecast)
        return abi.encodePacked("output/", hexOf(bytes16(txId)), low, "/", Strings.toString(index));
    }

    /// 32 digits, in small letters. The nibbles are spread over the word by halves, then each has 0x30 added, and 39 more from ten on: no loop, no memory.
    function hexOf(bytes16 data) private pure returns (bytes32) {
        uint256 word = uint256(uint128(data)) << 128;
        word = (word & BYTES_8) | ((word >> 64) & (BYTES_8 >> 128));
        word = (word & BYTES_4) | ((word >> 32) & (BYTES_4 >> 64));
        word = (word & BYTES_2) | ((word >> 16) & (BYTES_2 >> 32));
        word = (word & BYTES_1) | ((word >> 8) & (BYTES_1 >> 16));
        word = ((word >> 4) & (NIBBLES << 8)) | ((word >> 8) & NIBBLES);
        uint256 letters = ((word + EACH_BYTE * 6) >> 4) & (EACH_BYTE * 0x0f);
        return bytes32(word + EACH_BYTE * 0x30 + letters * 39);
    }

    /// edream.ledger.v1.Output {amount_mwh = 1, quantity = 2, threshold = 3, accounts = 4}: electricity that one account alone can spend.
    function decode(bytes calldata record) internal pure returns (uint64 amountMwh, bytes20 account) {
        uint256 offset = expect(record, 0, TAG_1_NUMBER);
        (amountMwh, offset) = Protobuf.readVarint(record, offset);
        bytes calldata text;
        (text, offset) = Protobuf.readBytes(record, expect(record, offset, TAG_2_BYTES));
        if (keccak256(text) != ELECTRICITY_HASH) revert OutputQuantityWrong(text);
        uint64 threshold;
        (threshold, offset) = Protobuf.readVarint(record, expect(record, offset, TAG_3_NUMBER));
        (text, offset) = Protobuf.readBytes(record, expect(record, offset, TAG_4_BYTES));
        if (threshold != 1 || offset != record.length) revert OutputLockWrong(threshold);
        account = LedgerAccounts.parse(text);
    }

    /// Who signed, as first or only one, the transaction that made these outputs. It has one message, so that its outputs are that message's.
    function signerOf(bytes calldata transaction) internal pure returns (bytes20) {
        (bytes calldata typeUrl, bytes calldata message) = LedgerTx.onlyMessage(transaction);
        bytes32 hash = keccak256(typeUrl);
        if (hash != TRANSFER_HASH && hash != REGISTER_HASH) revert NoEnergyTransaction(typeUrl);
        (bytes calldata text,) = Protobuf.readBytes(message, expect(message, 0, TAG_1_BYTES));
        return LedgerAccounts.parse(text);
    }

    function expect(bytes calldata data, uint256 offset, uint256 wanted) private pure returns (uint256 next) {
        uint256 tag;
        if (offset == data.length) revert OutputIncomplete();
        (tag, next) = Protobuf.readTag(data, offset);
        if (tag != wanted) revert OutputIncomplete();
    }
}
