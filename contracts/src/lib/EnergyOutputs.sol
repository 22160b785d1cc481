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

    /// What the record stands under in the ledger's state: `output/<transaction id, hex>/<index>`.
    function stateKey(bytes32 txId, uint32 index) internal pure returns (bytes memory) {
        string memory prefixed = Strings.toHexString(uint256(txId), 32);
        bytes memory id = bytes(prefixed);
        bytes memory hexDigits = new bytes(64);
        for (uint256 i = 0; i < 64; i++) hexDigits[i] = id[i + 2];
        return abi.encodePacked("output/", hexDigits, "/", Strings.toString(index));
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
