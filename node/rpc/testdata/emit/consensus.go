package main

import (
	"fmt"
	"time"

	"github.com/cometbft/cometbft/consensus"
	cstypes "github.com/cometbft/cometbft/consensus/types"
	"github.com/cometbft/cometbft/crypto/ed25519"
	cmtjson "github.com/cometbft/cometbft/libs/json"
	cmtproto "github.com/cometbft/cometbft/proto/tendermint/types"
	ctypes "github.com/cometbft/cometbft/rpc/core/types"
	"github.com/cometbft/cometbft/types"
)

// emitConsensus emits a height in round 1 with some votes, for consensus_state and dump_consensus_state.
func emitConsensus(keys []ed25519.PrivKey, set *types.ValidatorSet, chainID string, block *types.Block, moment time.Time) {
	parts, err := block.MakePartSet(types.BlockPartSizeBytes)
	if err != nil {
		panic(err)
	}
	id := types.BlockID{Hash: block.Hash(), PartSetHeader: parts.Header()}
	votes := cstypes.NewHeightVoteSet(chainID, 7, set)
	votes.SetRound(1)
	signed := func(index int32, kind cmtproto.SignedMsgType, height int64, round int32, blockID types.BlockID) *types.Vote {
		address := set.Validators[index].Address
		vote := &types.Vote{Type: kind, Height: height, Round: round, BlockID: blockID, Timestamp: moment, ValidatorAddress: address, ValidatorIndex: index}
		for _, key := range keys {
			if string(key.PubKey().Address()) == string(address) {
				vote.Signature = must(key.Sign(types.VoteSignBytes(chainID, vote.ToProto())))
			}
		}
		out.Fixtures[fmt.Sprintf("vote %d %d %d %d", height, kind, round, index)] = fmt.Sprintf("%x", must(vote.ToProto().Marshal()))
		return vote
	}
	for _, vote := range []*types.Vote{
		signed(0, cmtproto.PrevoteType, 7, 0, types.BlockID{}),
		signed(1, cmtproto.PrevoteType, 7, 1, id),
		signed(2, cmtproto.PrecommitType, 7, 1, id),
	} {
		must(votes.AddVote(vote, "", false))
	}
	lastCommit := types.NewVoteSet(chainID, 6, 2, cmtproto.PrecommitType, set)
	lastID := block.LastBlockID
	must(lastCommit.AddVote(signed(0, cmtproto.PrecommitType, 6, 2, lastID)))
	must(lastCommit.AddVote(signed(2, cmtproto.PrecommitType, 6, 2, lastID)))
	proposal := types.NewProposal(7, 1, -1, id)
	proposal.Timestamp = moment
	proposal.Signature = make([]byte, 64)
	out.Fixtures["proposal"] = fmt.Sprintf("%x", must(proposal.ToProto().Marshal()))
	state := cstypes.RoundState{Height: 7, Round: 1, Step: cstypes.RoundStepPrevote, StartTime: moment, CommitTime: moment,
		Validators: set.CopyIncrementProposerPriority(1), Proposal: proposal, ProposalBlock: block, ProposalBlockParts: parts, LockedRound: -1, ValidRound: -1,
		Votes: votes, CommitRound: -1, LastCommit: lastCommit, LastValidators: set}
	response("consensus_state", &ctypes.ResultConsensusState{RoundState: must(cmtjson.Marshal(state.RoundStateSimple()))})
	peer := consensus.NewPeerState(nil).GetRoundState()
	peer.Height, peer.Round = 7, 1
	type peerState struct {
		PRS   *cstypes.PeerRoundState `json:"round_state"`
		Stats struct {
			Votes      int `json:"votes"`
			BlockParts int `json:"block_parts"`
		} `json:"stats"`
	}
	response("dump_consensus_state", &ctypes.ResultDumpConsensusState{RoundState: must(cmtjson.Marshal(state)),
		Peers: []ctypes.PeerStateInfo{{NodeAddress: "0102@127.0.0.1:26656", PeerState: must(cmtjson.Marshal(peerState{PRS: peer}))}}})
	state.Proposal, state.ProposalBlock, state.ProposalBlockParts, state.LastCommit, state.LastValidators = nil, nil, nil, nil, nil
	state.Validators, state.Votes = set, cstypes.NewHeightVoteSet(chainID, 7, set)
	state.Round, state.Step = 0, cstypes.RoundStepNewHeight
	response("consensus_state waiting", &ctypes.ResultConsensusState{RoundState: must(cmtjson.Marshal(state.RoundStateSimple()))})
	response("dump_consensus_state waiting", &ctypes.ResultDumpConsensusState{RoundState: must(cmtjson.Marshal(state)), Peers: []ctypes.PeerStateInfo{}})
}
