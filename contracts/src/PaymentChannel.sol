// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";
import {PullPayments} from "./lib/PullPayments.sol";

/// Pay-as-you-go between a consumer (payer) and a producer (payee): one-way channels of ether (seed 004 §5.5).
///
/// The payer escrows an amount; after each purchase it signs a voucher over all that it owes so far, off chain; the payee presents the last one. Only
/// opening and closing are transactions. A voucher names its channel by a number that is never used again, this contract and this chain (EIP-712).
///
/// The payee may claim and close before `expires`, the payer takes back what is left from `expires` on: at no time may both. A payee keeps a
/// margin of its own before `expires`, since its transaction needs time to be mined.
contract PaymentChannel is EIP712, PullPayments {
    struct Channel {
        address payer;
        /// Unix time in seconds.
        uint64 expires;
        bool isOpen;
        address payee;
        /// Wei, all that was escrowed.
        uint128 deposit;
        /// Wei of it that vouchers have moved to the payee's credit.
        uint128 claimed;
    }

    /// keccak256 of the voucher's EIP-712 type: `amount` in wei is all that is owed since the channel was opened.
    bytes32 public constant VOUCHER_TYPEHASH = keccak256("Voucher(uint256 channelId,uint256 amount)");

    /// Longest time from now to `expires`: a slip of the keyboard must not lock money for centuries.
    uint256 public constant MAX_VALIDITY = 3650 days;

    /// Number of the last channel; the first is 1.
    uint256 public lastChannelId;

    mapping(uint256 channelId => Channel) private _channels;

    event Opened(
        uint256 indexed channelId, address indexed payer, address indexed payee, uint256 deposit, uint256 expires
    );
    event ToppedUp(uint256 indexed channelId, uint256 amount, uint256 deposit);
    event Extended(uint256 indexed channelId, uint256 expires);
    event Claimed(uint256 indexed channelId, uint256 amount, uint256 claimed);
    /// `returned` went back to the payer's credit.
    event Closed(uint256 indexed channelId, uint256 claimed, uint256 returned);

    error PayeeInvalid(address payee);
    error NothingEscrowed();
    /// `expires` must be in the future and no further away than MAX_VALIDITY.
    error ExpiryInvalid(uint256 expires, uint256 time);
    /// Expiry may only be put off.
    error ExpiryNotLater(uint256 expires, uint256 current);
    error ChannelUnknown(uint256 channelId);
    error ChannelNotOpen(uint256 channelId);
    error NotPayer(uint256 channelId, address caller);
    error NotPayee(uint256 channelId, address caller);
    error ChannelExpired(uint256 channelId, uint256 expires);
    error ChannelNotExpired(uint256 channelId, uint256 expires);
    /// A voucher over less than, or as much as, what was claimed before.
    error NothingToClaim(uint256 amount, uint256 claimed);
    error AmountOverDeposit(uint256 amount, uint256 deposit);
    error SignatureInvalid(uint256 channelId);

    constructor() EIP712("EnergyLedgerPaymentChannel", "1") {}

    /// Opens a channel with the ether sent along. @return channelId its number.
    function open(address payee, uint64 expires) external payable returns (uint256 channelId) {
        if (payee == address(0) || payee == msg.sender) revert PayeeInvalid(payee);
        if (msg.value == 0) revert NothingEscrowed();
        _checkExpiry(expires);
        channelId = ++lastChannelId;
        _channels[channelId] = Channel({
            payer: msg.sender,
            expires: expires,
            isOpen: true,
            payee: payee,
            deposit: _amount128(msg.value),
            claimed: 0
        });
        emit Opened(channelId, msg.sender, payee, msg.value, expires);
    }

    /// Adds the ether sent along to what the channel can pay.
    function topUp(uint256 channelId) external payable {
        Channel storage channel = _openChannel(channelId);
        if (msg.sender != channel.payer) revert NotPayer(channelId, msg.sender);
        if (msg.value == 0) revert NothingEscrowed();
        // What nobody could claim any more.
        if (block.timestamp >= channel.expires) revert ChannelExpired(channelId, channel.expires);
        uint128 deposit = _amount128(channel.deposit + msg.value);
        channel.deposit = deposit;
        emit ToppedUp(channelId, msg.value, deposit);
    }

    /// Puts the expiry off, by the payer, also after it.
    function extend(uint256 channelId, uint64 expires) external {
        Channel storage channel = _openChannel(channelId);
        if (msg.sender != channel.payer) revert NotPayer(channelId, msg.sender);
        if (expires <= channel.expires) revert ExpiryNotLater(expires, channel.expires);
        _checkExpiry(expires);
        channel.expires = expires;
        emit Extended(channelId, expires);
    }

    /// Moves what a voucher owes beyond earlier claims to the payee's credit; the channel stays open.
    function claim(uint256 channelId, uint256 amount, bytes calldata signature) external {
        Channel storage channel = _openForPayee(channelId);
        _claim(channel, channelId, amount, signature);
    }

    /// Claims by a last voucher and closes: the rest goes back to the payer's credit.
    function claimAndClose(uint256 channelId, uint256 amount, bytes calldata signature) external {
        Channel storage channel = _openForPayee(channelId);
        _claim(channel, channelId, amount, signature);
        _close(channel, channelId);
    }

    /// The payee closes without a further claim.
    function close(uint256 channelId) external {
        Channel storage channel = _openForPayee(channelId);
        _close(channel, channelId);
    }

    /// From `expires` on the payer takes back what was not claimed.
    function reclaim(uint256 channelId) external {
        Channel storage channel = _openChannel(channelId);
        if (msg.sender != channel.payer) revert NotPayer(channelId, msg.sender);
        if (block.timestamp < channel.expires) revert ChannelNotExpired(channelId, channel.expires);
        _close(channel, channelId);
    }

    /// What the payer signs: the EIP-712 digest of a voucher.
    function voucherDigest(uint256 channelId, uint256 amount) public view returns (bytes32) {
        return _hashTypedDataV4(keccak256(abi.encode(VOUCHER_TYPEHASH, channelId, amount)));
    }

    function channelOf(uint256 channelId) external view returns (Channel memory) {
        Channel memory channel = _channels[channelId];
        if (channel.payer == address(0)) revert ChannelUnknown(channelId);
        return channel;
    }

    function _claim(Channel storage channel, uint256 channelId, uint256 amount, bytes calldata signature) private {
        uint128 claimed = channel.claimed;
        uint128 deposit = channel.deposit;
        if (amount <= claimed) revert NothingToClaim(amount, claimed);
        if (amount > deposit) revert AmountOverDeposit(amount, deposit);
        // The wallet of a payer may be a contract (EIP-1271), which is asked without being able to change anything.
        if (!SignatureChecker.isValidSignatureNowCalldata(channel.payer, voucherDigest(channelId, amount), signature)) {
            revert SignatureInvalid(channelId);
        }
        channel.claimed = _amount128(amount);
        _credit(channel.payee, amount - claimed);
        emit Claimed(channelId, amount - claimed, amount);
    }

    function _close(Channel storage channel, uint256 channelId) private {
        uint256 returned = channel.deposit - channel.claimed;
        channel.isOpen = false;
        _credit(channel.payer, returned);
        emit Closed(channelId, channel.claimed, returned);
    }

    function _openForPayee(uint256 channelId) private view returns (Channel storage channel) {
        channel = _openChannel(channelId);
        if (msg.sender != channel.payee) revert NotPayee(channelId, msg.sender);
        if (block.timestamp >= channel.expires) revert ChannelExpired(channelId, channel.expires);
    }

    function _openChannel(uint256 channelId) private view returns (Channel storage channel) {
        channel = _channels[channelId];
        if (channel.payer == address(0)) revert ChannelUnknown(channelId);
        if (!channel.isOpen) revert ChannelNotOpen(channelId);
    }

    function _checkExpiry(uint256 expires) private view {
        if (expires <= block.timestamp || expires > block.timestamp + MAX_VALIDITY) {
            revert ExpiryInvalid(expires, block.timestamp);
        }
    }
}
