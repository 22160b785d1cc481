// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {PaymentChannel} from "../src/PaymentChannel.sol";
import {VM} from "./Vm.sol";

/// Three people open, pay, close and warp the clock at random; half of the vouchers are over what fits, half over anything.
contract PaymentChannelHandler {
    PaymentChannel public immutable CHANNELS = new PaymentChannel();
    /// Ether that went in and came out.
    uint256 public deposited;
    uint256 public withdrawn;
    /// Highest voucher a payer signed, by channel.
    mapping(uint256 channelId => uint256) public signed;
    /// What of it was claimed, as the events would tell.
    mapping(uint256 channelId => uint256) public claimed;
    /// Someone got in who must not.
    bool public isBroken;

    /// So few that each sees much, and that looking at all after every call stays fast.
    uint256 private constant MAX_CHANNELS = 6;

    address[3] private _accounts;

    constructor() {
        for (uint256 i = 0; i < 3; i++) _accounts[i] = VM.addr(i + 1);
    }

    function open(uint8 from, uint8 to, uint96 value, uint32 validity) external {
        if (CHANNELS.lastChannelId() == MAX_CHANNELS) return;
        address payer = accountOf(from);
        VM.deal(payer, value);
        VM.prank(payer);
        try CHANNELS.open{value: value}(accountOf(to), uint64(block.timestamp + validity)) {
            deposited += value;
            if (from % 3 == to % 3 || value == 0 || validity == 0) isBroken = true;
        } catch {}
    }

    function topUp(uint8 from, uint256 channelId, uint96 value) external {
        channelId = known(channelId);
        VM.deal(accountOf(from), value);
        VM.prank(accountOf(from));
        try CHANNELS.topUp{value: value}(channelId) {
            deposited += value;
        } catch {}
    }

    function extend(uint8 from, uint256 channelId, uint32 validity) external {
        channelId = known(channelId);
        VM.prank(accountOf(from));
        try CHANNELS.extend(channelId, uint64(block.timestamp + validity)) {} catch {}
    }

    function claim(uint8 from, uint8 signer, uint256 channelId, uint256 amount, bool closes, bool fits) external {
        channelId = known(channelId);
        if (channelId == 0) return;
        PaymentChannel.Channel memory channel = CHANNELS.channelOf(channelId);
        if (fits) {
            amount = amount % (uint256(channel.deposit) + 1);
            for (uint8 i = 0; i < 3; i++) {
                if (accountOf(i) == channel.payer) signer = i;
                if (accountOf(i) == channel.payee) from = i;
            }
        }
        bytes memory signature = voucherOf(signer, channelId, amount);
        if (accountOf(signer) == channel.payer && amount > signed[channelId]) signed[channelId] = amount;
        VM.prank(accountOf(from));
        bool isDone;
        if (closes) {
            try CHANNELS.claimAndClose(channelId, amount, signature) {
                isDone = true;
            } catch {}
        } else {
            try CHANNELS.claim(channelId, amount, signature) {
                isDone = true;
            } catch {}
        }
        if (!isDone) return;
        claimed[channelId] = amount;
        bool mayClaim = accountOf(from) == channel.payee && accountOf(signer) == channel.payer && channel.isOpen;
        if (!mayClaim || block.timestamp >= channel.expires || amount <= channel.claimed) isBroken = true;
    }

    function close(uint8 from, uint256 channelId) external {
        channelId = known(channelId);
        VM.prank(accountOf(from));
        try CHANNELS.close(channelId) {} catch {}
    }

    function reclaim(uint8 from, uint256 channelId) external {
        channelId = known(channelId);
        VM.prank(accountOf(from));
        try CHANNELS.reclaim(channelId) {
            if (block.timestamp < CHANNELS.channelOf(channelId).expires) isBroken = true;
        } catch {}
    }

    function withdraw(uint8 from) external {
        uint256 owed = CHANNELS.credit(accountOf(from));
        VM.prank(accountOf(from));
        try CHANNELS.withdraw(payable(address(0xCAFE))) {
            withdrawn += owed;
        } catch {}
    }

    function warp(uint16 time) external {
        VM.warp(block.timestamp + time);
    }

    function accountOf(uint8 i) public view returns (address) {
        return _accounts[i % 3];
    }

    function voucherOf(uint8 signer, uint256 channelId, uint256 amount) private view returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = VM.sign(uint256(signer % 3) + 1, CHANNELS.voucherDigest(channelId, amount));
        return abi.encodePacked(r, s, v);
    }

    function known(uint256 channelId) private view returns (uint256) {
        uint256 last = CHANNELS.lastChannelId();
        return last == 0 ? 0 : 1 + channelId % last;
    }
}

contract PaymentChannelInvariants {
    PaymentChannelHandler private _handler;

    function setUp() external {
        _handler = new PaymentChannelHandler();
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(_handler);
    }

    /// Every wei is either owed to somebody or in an open channel, none is made and none lost; a payee never gets more than its payer signed, and
    /// nobody acts in another's place.
    function invariant_moneyIsConservedAndOnlyWhatWasSignedIsPaid() external view {
        PaymentChannel channels = _handler.CHANNELS();
        uint256 inChannels;
        for (uint256 id = 1; id <= channels.lastChannelId(); id++) {
            PaymentChannel.Channel memory channel = channels.channelOf(id);
            assert(channel.claimed <= channel.deposit);
            assert(channel.claimed == _handler.claimed(id) && channel.claimed <= _handler.signed(id));
            if (channel.isOpen) inChannels += channel.deposit - channel.claimed;
        }
        uint256 credits;
        for (uint8 i = 0; i < 3; i++) credits += channels.credit(_handler.accountOf(i));
        assert(credits == channels.totalCredit());
        assert(address(channels).balance == credits + inChannels);
        assert(_handler.deposited() == _handler.withdrawn() + address(channels).balance);
        assert(!_handler.isBroken());
    }
}
