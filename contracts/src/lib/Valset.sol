// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// A validator set as bytes: 28 for each member, address (20) ‖ power (uint64), addresses strictly ascending, none of them and no power zero.
/// The bridge keeps its keccak256 only; whoever submits brings the bytes along.
library Valset {
    error ValsetLengthWrong(uint256 length);
    error ValsetOrderWrong(uint256 member);
    error ValsetPowerZero(uint256 member);
    /// A bit is set for which the set has no member.
    error SignerUnknown();
    error SignaturesLengthWrong(uint256 length);
    /// The signature of this member is not its own, or not in the one form that is taken.
    error SignatureWrong(uint256 member);

    uint256 internal constant MEMBER_BYTES = 28;
    uint256 internal constant MAX_MEMBERS = 256;

    /// Half the order of secp256k1: of the two signatures s and n - s only the smaller is taken.
    uint256 private constant MAX_S = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0;

    /// The total power of a set that is well-formed; below 2^72.
    function totalPower(bytes memory valset) internal pure returns (uint256 total) {
        uint256 length = valset.length;
        if (length == 0 || length % MEMBER_BYTES != 0 || length > MAX_MEMBERS * MEMBER_BYTES) {
            revert ValsetLengthWrong(length);
        }
        uint256 previous = 0;
        for (uint256 offset = 0; offset < length; offset += MEMBER_BYTES) {
            (uint256 member, uint256 power) = memberAt(valset, offset);
            // The first one too: the zero address is what ecrecover answers to nonsense.
            if (member <= previous) revert ValsetOrderWrong(offset / MEMBER_BYTES);
            if (power == 0) revert ValsetPowerZero(offset / MEMBER_BYTES);
            previous = member;
            total += power;
        }
    }

    /// The power of the members whose bit is set in `signers`; member 0 is the lowest bit. `signatures` holds exactly one for each of them, in
    /// their order, 64 bytes (EIP-2098: r, then s with the parity of y in its highest bit). Every one of them must hold.
    function powerOf(bytes calldata valset, uint256 signers, bytes calldata signatures, bytes32 digest)
        internal
        view
        returns (uint256 power)
    {
        uint256 members = valset.length / MEMBER_BYTES;
        if (members < MAX_MEMBERS && signers >> members != 0) revert SignerUnknown();
        uint256 wrong = 0;
        uint256 used = 0;
        assembly ("memory-safe") {
            let signature := signatures.offset
            let end := add(signature, signatures.length)
            // digest, v, r, s: what the precompile takes.
            let input := mload(0x40)
            mstore(input, digest)
            let entry := valset.offset
            for { let i := 0 } shr(i, signers) { i := add(i, 1) } {
                if and(shr(i, signers), 1) {
                    let member := calldataload(entry)
                    let vs := calldataload(add(signature, 32))
                    let s := and(vs, not(shl(255, 1)))
                    mstore(add(input, 32), add(27, shr(255, vs)))
                    mstore(add(input, 64), calldataload(signature))
                    mstore(add(input, 96), s)
                    // No answer leaves zero here, which is nobody's address.
                    mstore(0x00, 0)
                    pop(staticcall(gas(), 1, input, 128, 0x00, 32))
                    signature := add(signature, 64)
                    if or(or(gt(s, MAX_S), gt(signature, end)), iszero(eq(mload(0x00), shr(96, member)))) {
                        wrong := add(i, 1)
                        break
                    }
                    power := add(power, and(shr(32, member), 0xffffffffffffffff))
                }
                entry := add(entry, MEMBER_BYTES)
            }
            used := sub(signature, signatures.offset)
        }
        if (wrong != 0) revert SignatureWrong(wrong - 1);
        if (used != signatures.length) revert SignaturesLengthWrong(signatures.length);
    }

    function memberAt(bytes memory valset, uint256 offset) private pure returns (uint256 member, uint256 power) {
        bytes32 entry;
        assembly ("memory-safe") {
            entry := mload(add(add(valset, 32), offset))
        }
        member = uint256(entry) >> 96;
        power = uint64(uint256(entry) >> 32);
    }
}
