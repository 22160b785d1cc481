// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// Whoever sends it ether is called back with what it was told, or refused.
contract ReentrantReceiver {
    address public callee;
    bytes public callback;
    bool public isRefusing;
    /// What the callback ended with.
    bool public hasCalled;
    bool public hasSucceeded;

    error Refused();
    error CallFailed(bytes reason);

    // solhint-disable-next-line no-complex-fallback
    receive() external payable {
        if (isRefusing) revert Refused();
        if (hasCalled || callee == address(0)) return;
        hasCalled = true;
        // solhint-disable-next-line avoid-low-level-calls
        (hasSucceeded,) = callee.call(callback);
    }

    function prepare(address newCallee, bytes calldata newCallback, bool refuses) external {
        callee = newCallee;
        callback = newCallback;
        isRefusing = refuses;
        hasCalled = false;
    }

    function execute(address to, uint256 value, bytes calldata data) external payable returns (bytes memory) {
        (bool isDone, bytes memory reason) = to.call{value: value}(data);
        if (!isDone) revert CallFailed(reason);
        return reason;
    }
}
