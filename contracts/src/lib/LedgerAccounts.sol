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
    bytes private constant BECH32_SYMBOLS = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
    /// D5.1 §3.1's identity: Base58 of version byte, account and 4 bytes of checksum.
    uint256 private constant IDENTITY_LENGTH = 34;
    bytes private constant BASE58_SYMBOLS = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";

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
            uint256 value = digits(text, 7, 39, BECH32_SYMBOLS);
            // forge-lint: disable-next-line(unsafe-typecast)
            return bytes20(uint160(value));
        }
        if (text.length == IDENTITY_LENGTH) {
            uint256 value = digits(text, 0, IDENTITY_LENGTH, BASE58_SYMBOLS);
            // 25 bytes: the version in front and the checksum behind are cut off.
            // forge-lint: disable-next-line(unsafe-typecast)
            return bytes20(uint160(value >> 32));
        }
        revert AccountTextUnknown(text);
    }

    /// The number that these symbols write, with as many as there are as base.
    function digits(bytes calldata text, uint256 from, uint256 to, bytes memory symbols)
        private
        pure
        returns (uint256 value)
    {
        uint256 base = symbols.length;
        for (uint256 i = from; i < to; i++) {
            uint256 digit = 0;
            while (digit < base && symbols[digit] != text[i]) digit++;
            if (digit == base) revert AccountTextUnknown(text);
            value = value * base + digit;
        }
    }
}
