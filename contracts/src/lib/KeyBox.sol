// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// ECIES on secp256k1 for one key of 32 bytes, so that a contract can open it too once the private key is shown: the key is masked by
/// SHA256("edream data key 1" ‖ chain id ‖ contract ‖ listing ‖ shared point's x ‖ ephemeral x ‖ y ‖ recipient x ‖ y), words of 32 bytes but the contract's 20. Each
/// box has an ephemeral key of its own and each recipient a key for this listing alone, so that a mask is used once. There is no tag: the key is
/// committed to by its hash, which says more.
///
/// A point is multiplied by ecrecover, which answers the address of (s · R − z · G) / r: with z = 0, r = the x of R and s = k · r it is that of k · R.
library KeyBox {
    struct Point {
        uint256 x;
        uint256 y;
    }

    /// secp256k1: the field's prime, the group's order, the generator.
    uint256 private constant P = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEFFFFFC2F;
    uint256 private constant N = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141;
    uint256 private constant GX = 0x79BE667EF9DCBBAC55A06295CE870B07029BFCDB2DCE28D959F2815B16F81798;
    uint256 private constant GY = 0x483ADA7726A3C4655DA4FBFC0E1108A8FD17B448A68554199C47D08FFB10D4B8;

    /// A point of the curve that `isTimes` can multiply; the one of x = 0 is none of them.
    function isPoint(Point memory point) internal pure returns (bool) {
        (uint256 x, uint256 y) = (point.x, point.y);
        if (x == 0 || x >= N || y == 0 || y >= P) return false;
        return mulmod(y, y, P) == addmod(mulmod(mulmod(x, x, P), x, P), 7, P);
    }

    /// The Ethereum address of a public key.
    function addressOf(Point memory point) internal pure returns (address) {
        return address(uint160(uint256(keccak256(abi.encode(point.x, point.y)))));
    }

    function isPublicKeyOf(uint256 scalar, address key) internal pure returns (bool) {
        return isTimes(Point(GX, GY), scalar, key);
    }

    /// Whether scalar · point is the public key with this address.
    function isTimes(Point memory point, uint256 scalar, address product) internal pure returns (bool) {
        if (scalar == 0 || scalar >= N || product == address(0)) return false;
        uint8 v = point.y & 1 == 0 ? 27 : 28;
        // Not a signature: nothing is authorised by it, and of s and N - s each stands for a product of its own.
        return ecrecover(bytes32(0), v, bytes32(point.x), bytes32(mulmod(scalar, point.x, N))) == product;
    }

    /// Masks a key, or takes the mask away.
    function mask(bytes32 key, uint256 listingId, uint256 sharedX, Point memory ephemeral, Point memory recipient)
        internal
        view
        returns (bytes32)
    {
        bytes32 pad = sha256(
            abi.encodePacked(
                "edream data key 1",
                block.chainid,
                address(this),
                listingId,
                sharedX,
                ephemeral.x,
                ephemeral.y,
                recipient.x,
                recipient.y
            )
        );
        return key ^ pad;
    }
}
