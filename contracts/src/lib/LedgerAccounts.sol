// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// Accounts of the ledger beside those of Ethereum. A secp256k1 key has both, made from its bytes by different hashes, so that whoever shows the key
/// of its own address has shown its account: no registry ties them.
library LedgerAccounts {
    error KeyNotOfSender(address sender);
    error AccountTextUnknown(bytes text);

    /// "edream1", the prefix of an account as bech32 text (BIP-173).
    bytes7 private constant BECH32_PREFIX = "edream1";
    /// Prefix, 32 symbols of 5 bits, 6 of checksum.
    uint256 private constant BECH32_LENGTH = 45;
    /// What each ASCII character stands for, 0xff: nothing. The symbols in their order are "qpzry9x8gf2tvdw0s3jn54khce6mua7l".
    bytes private constant BECH32_VALUES =
        hex"ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
        hex"ffffffffffffffffffffffffffffffff0fff0a1115141a1e0705ffffffffffff"
        hex"ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
        hex"ff1dff180d19090817ff12161f1b13ff010003100b1c0c0e060402ffffffffff";
    /// D5.1 §3.1's identity: Base58 of version byte, account and 4 bytes of checksum.
    uint256 private constant IDENTITY_LENGTH = 34;
    /// "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
    bytes private constant BASE58_VALUES =
        hex"ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
        hex"ffffffffffffffffffffffffffffffffff000102030405060708ffffffffffff"
        hex"ff090a0b0c0d0e0f10ff1112131415ff161718191a1b1c1d1e1f20ffffffffff"
        hex"ff2122232425262728292a2bff2c2d2e2f30313233343536373839ffffffffff";

    /// The account of `sender`, whose public key is the point (x, y): RIPEMD160(SHA256(compressed key)).
    function accountOf(address sender, uint256 x, uint256 y) internal pure returns (bytes20) {
        if (address(uint160(uint256(keccak256(abi.encode(x, y))))) != sender) revert KeyNotOfSender(sender);
        bytes1 parity = y & 1 == 0 ? bytes1(0x02) : bytes1(0x03);
        return ripemd160(abi.encodePacked(sha256(abi.encodePacked(parity, x))));
    }

    /// The account that a text of a proved transaction names, in either of its two forms. Its checksum is not looked at: the ledger has done that, so that
    /// of all texts that are read as an account here only the right one can be in a transaction that succeeded.
    function parse(bytes calldata text) internal pure returns (bytes20) {
        if (text.length == BECH32_LENGTH && bytes7(text[:7]) == BECH32_PREFIX) {
            uint256 value = digits(text[7:39], 32, BECH32_VALUES, text);
            // forge-lint: disable-next-line(unsafe-typecast)
            return bytes20(uint160(value));
        }
        if (text.length == IDENTITY_LENGTH) {
            uint256 value = digits(text, 58, BASE58_VALUES, text);
            // 25 bytes: the version in front and the checksum behind are cut off.
            // forge-lint: disable-next-line(unsafe-typecast)
            return bytes20(uint160(value >> 32));
        }
        revert AccountTextUnknown(text);
    }

    /// The number that these symbols write in this base. `whole`: for the error.
    function digits(bytes calldata symbols, uint256 base, bytes memory values, bytes calldata whole)
        private
        pure
        returns (uint256 value)
    {
        for (uint256 i = 0; i < symbols.length; i++) {
            uint256 character = uint8(symbols[i]);
            uint256 digit = character < 128 ? uint8(values[character]) : 255;
            if (digit == 255) revert AccountTextUnknown(whole);
            value = value * base + digit;
        }
    }
}
