// Command abci-emitter prints what CometBFT's own Go code puts on the ABCI socket and on the socket of a remote signer, frame by frame:
// every kind of message with every field filled, and with none.
package main

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"os"
	"time"

	abci "github.com/cometbft/cometbft/abci/types"
	"github.com/cometbft/cometbft/libs/protoio"
	cmtcrypto "github.com/cometbft/cometbft/proto/tendermint/crypto"
	privval "github.com/cometbft/cometbft/proto/tendermint/privval"
	cmtproto "github.com/cometbft/cometbft/proto/tendermint/types"
	"github.com/cosmos/gogoproto/proto"
)

func fill(length int, value byte) []byte { return bytes.Repeat([]byte{value}, length) }

var moment = time.Date(2026, 11, 21, 8, 30, 0, 120_000_001, time.UTC)

func frame(message proto.Message) string {
	var buffer bytes.Buffer
	if _, err := protoio.NewDelimitedWriter(&buffer).WriteMsg(message); err != nil {
		panic(err)
	}
	return hex.EncodeToString(buffer.Bytes())
}

func main() {
	key := cmtcrypto.PublicKey{Sum: &cmtcrypto.PublicKey_Ed25519{Ed25519: fill(32, 1)}}
	secp := cmtcrypto.PublicKey{Sum: &cmtcrypto.PublicKey_Secp256K1{Secp256K1: fill(33, 2)}}
	params := &cmtproto.ConsensusParams{
		Block:     &cmtproto.BlockParams{MaxBytes: 2097152, MaxGas: -1},
		Evidence:  &cmtproto.EvidenceParams{MaxAgeNumBlocks: 100, MaxAgeDuration: 48 * time.Hour, MaxBytes: 1000},
		Validator: &cmtproto.ValidatorParams{PubKeyTypes: []string{"ed25519"}},
		Version:   &cmtproto.VersionParams{App: 3},
		Abci:      &cmtproto.ABCIParams{},
	}
	misbehavior := []abci.Misbehavior{
		{Type: abci.MisbehaviorType_DUPLICATE_VOTE, Validator: abci.Validator{Address: fill(20, 4), Power: 10}, Height: 5, Time: moment, TotalVotingPower: 40},
		{Type: abci.MisbehaviorType_LIGHT_CLIENT_ATTACK, Validator: abci.Validator{Address: fill(20, 5), Power: 11}, Height: 6, Time: moment, TotalVotingPower: 41},
	}
	commit := abci.CommitInfo{Round: 2, Votes: []abci.VoteInfo{
		{Validator: abci.Validator{Address: fill(20, 6), Power: 10}, BlockIdFlag: cmtproto.BlockIDFlagCommit},
		{Validator: abci.Validator{Address: fill(20, 7), Power: 10}, BlockIdFlag: cmtproto.BlockIDFlagAbsent},
		{Validator: abci.Validator{Address: fill(20, 8), Power: 10}, BlockIdFlag: cmtproto.BlockIDFlagNil},
	}}
	txs := [][]byte{fill(3, 9), {}, fill(300, 10)}
	snapshot := &abci.Snapshot{Height: 7, Format: 1, Chunks: 2, Hash: fill(32, 11), Metadata: fill(64, 12)}
	events := []abci.Event{{Type: "meter", Attributes: []abci.EventAttribute{{Key: "id", Value: "a", Index: true}, {Key: "empty"}}}}

	requests := map[string]*abci.Request{
		"echo":               abci.ToRequestEcho("hello"),
		"flush":              abci.ToRequestFlush(),
		"info":               abci.ToRequestInfo(&abci.RequestInfo{Version: "0.38.25", BlockVersion: 11, P2PVersion: 8, AbciVersion: "2.0.0"}),
		"initChain":          abci.ToRequestInitChain(&abci.RequestInitChain{Time: moment, ChainId: "grid", ConsensusParams: params, Validators: []abci.ValidatorUpdate{{PubKey: key, Power: 10}, {PubKey: secp, Power: 1 << 40}}, AppStateBytes: []byte(`{"a":1}`), InitialHeight: 1}),
		"query":              abci.ToRequestQuery(&abci.RequestQuery{Data: fill(4, 13), Path: "/edream/account", Height: 9, Prove: true}),
		"checkTx":            abci.ToRequestCheckTx(&abci.RequestCheckTx{Tx: fill(5, 14)}),
		"recheckTx":          abci.ToRequestCheckTx(&abci.RequestCheckTx{Tx: fill(5, 14), Type: abci.CheckTxType_Recheck}),
		"commit":             abci.ToRequestCommit(),
		"listSnapshots":      abci.ToRequestListSnapshots(&abci.RequestListSnapshots{}),
		"offerSnapshot":      abci.ToRequestOfferSnapshot(&abci.RequestOfferSnapshot{Snapshot: snapshot, AppHash: fill(32, 15)}),
		"loadSnapshotChunk":  abci.ToRequestLoadSnapshotChunk(&abci.RequestLoadSnapshotChunk{Height: 7, Format: 1, Chunk: 1}),
		"applySnapshotChunk": abci.ToRequestApplySnapshotChunk(&abci.RequestApplySnapshotChunk{Index: 1, Chunk: fill(9, 16), Sender: "peer"}),
		"prepareProposal":    abci.ToRequestPrepareProposal(&abci.RequestPrepareProposal{MaxTxBytes: 1 << 21, Txs: txs, Misbehavior: misbehavior, Height: 8, Time: moment, NextValidatorsHash: fill(32, 17), ProposerAddress: fill(20, 18)}),
		"processProposal":    abci.ToRequestProcessProposal(&abci.RequestProcessProposal{Txs: txs, ProposedLastCommit: commit, Misbehavior: misbehavior, Hash: fill(32, 19), Height: 8, Time: moment, NextValidatorsHash: fill(32, 17), ProposerAddress: fill(20, 18)}),
		"finalizeBlock":      abci.ToRequestFinalizeBlock(&abci.RequestFinalizeBlock{Txs: txs, DecidedLastCommit: commit, Misbehavior: misbehavior, Hash: fill(32, 19), Height: 8, Time: moment, NextValidatorsHash: fill(32, 17), ProposerAddress: fill(20, 18)}),
		"extendVote":         abci.ToRequestExtendVote(&abci.RequestExtendVote{Hash: fill(32, 19), Height: 8, Time: moment}),
	}
	responses := map[string]*abci.Response{
		"exception":          abci.ToResponseException("wrong"),
		"echo":               abci.ToResponseEcho("hello"),
		"flush":              abci.ToResponseFlush(),
		"info":               abci.ToResponseInfo(&abci.ResponseInfo{Data: "energy-ledger", Version: "0.1.0", AppVersion: 3, LastBlockHeight: 9, LastBlockAppHash: fill(32, 20)}),
		"initChain":          abci.ToResponseInitChain(&abci.ResponseInitChain{AppHash: fill(32, 21)}),
		"query":              abci.ToResponseQuery(&abci.ResponseQuery{Code: 5, Log: "why", Key: fill(2, 22), Value: fill(3, 23), ProofOps: &cmtcrypto.ProofOps{Ops: []cmtcrypto.ProofOp{{Type: "edream:state", Key: fill(2, 22), Data: fill(4, 24)}}}, Height: 9, Codespace: "edream"}),
		"queryWithoutProof":  abci.ToResponseQuery(&abci.ResponseQuery{Height: 9}),
		"checkTx":            abci.ToResponseCheckTx(&abci.ResponseCheckTx{Code: 31, Log: "SIGNATURE_INVALID", GasWanted: 7, Codespace: "edream"}),
		"checkTxAccepted":    abci.ToResponseCheckTx(&abci.ResponseCheckTx{}),
		"commit":             abci.ToResponseCommit(&abci.ResponseCommit{RetainHeight: 12}),
		"commitKeepingAll":   abci.ToResponseCommit(&abci.ResponseCommit{}),
		"listSnapshots":      abci.ToResponseListSnapshots(&abci.ResponseListSnapshots{Snapshots: []*abci.Snapshot{snapshot}}),
		"offerSnapshot":      abci.ToResponseOfferSnapshot(&abci.ResponseOfferSnapshot{Result: abci.ResponseOfferSnapshot_REJECT_FORMAT}),
		"loadSnapshotChunk":  abci.ToResponseLoadSnapshotChunk(&abci.ResponseLoadSnapshotChunk{Chunk: fill(9, 16)}),
		"applySnapshotChunk": abci.ToResponseApplySnapshotChunk(&abci.ResponseApplySnapshotChunk{Result: abci.ResponseApplySnapshotChunk_RETRY, RefetchChunks: []uint32{0, 300}, RejectSenders: []string{"peer"}}),
		"prepareProposal":    abci.ToResponsePrepareProposal(&abci.ResponsePrepareProposal{Txs: txs}),
		"processProposal":    abci.ToResponseProcessProposal(&abci.ResponseProcessProposal{Status: abci.ResponseProcessProposal_REJECT}),
		"finalizeBlock": abci.ToResponseFinalizeBlock(&abci.ResponseFinalizeBlock{
			Events:           events,
			TxResults:        []*abci.ExecTxResult{{Code: 1, Data: fill(2, 25), Log: "l", GasWanted: 5, GasUsed: -1, Events: events, Codespace: "edream"}, {}},
			ValidatorUpdates: []abci.ValidatorUpdate{{PubKey: key, Power: 10}, {PubKey: key}},
			AppHash:          fill(32, 26),
		}),
		"extendVote":          abci.ToResponseExtendVote(&abci.ResponseExtendVote{}),
		"verifyVoteExtension": abci.ToResponseVerifyVoteExtension(&abci.ResponseVerifyVoteExtension{Status: abci.ResponseVerifyVoteExtension_ACCEPT}),
	}
	id := cmtproto.BlockID{Hash: fill(32, 27), PartSetHeader: cmtproto.PartSetHeader{Total: 1, Hash: fill(32, 28)}}
	vote := &cmtproto.Vote{Type: cmtproto.PrecommitType, Height: 8, Round: 1, BlockID: id, Timestamp: moment, ValidatorAddress: fill(20, 29), ValidatorIndex: 3}
	signedVote := *vote
	signedVote.Signature = fill(64, 30)
	proposal := &cmtproto.Proposal{Type: cmtproto.ProposalType, Height: 8, Round: 1, PolRound: -1, BlockID: id, Timestamp: moment}
	signedProposal := *proposal
	signedProposal.Signature = fill(64, 31)
	signer := map[string]*privval.Message{
		"pubKeyRequest":          {Sum: &privval.Message_PubKeyRequest{PubKeyRequest: &privval.PubKeyRequest{ChainId: "grid"}}},
		"pubKeyResponse":         {Sum: &privval.Message_PubKeyResponse{PubKeyResponse: &privval.PubKeyResponse{PubKey: key}}},
		"signVoteRequest":        {Sum: &privval.Message_SignVoteRequest{SignVoteRequest: &privval.SignVoteRequest{Vote: vote, ChainId: "grid"}}},
		"signedVoteResponse":     {Sum: &privval.Message_SignedVoteResponse{SignedVoteResponse: &privval.SignedVoteResponse{Vote: signedVote}}},
		"signProposalRequest":    {Sum: &privval.Message_SignProposalRequest{SignProposalRequest: &privval.SignProposalRequest{Proposal: proposal, ChainId: "grid"}}},
		"signedProposalResponse": {Sum: &privval.Message_SignedProposalResponse{SignedProposalResponse: &privval.SignedProposalResponse{Proposal: signedProposal}}},
		"pingRequest":            {Sum: &privval.Message_PingRequest{PingRequest: &privval.PingRequest{}}},
		"pingResponse":           {Sum: &privval.Message_PingResponse{PingResponse: &privval.PingResponse{}}},
	}
	out := map[string]map[string]string{"requests": {}, "responses": {}, "signer": {}}
	for name, message := range requests {
		out["requests"][name] = frame(message)
	}
	for name, message := range responses {
		out["responses"][name] = frame(message)
	}
	for name, message := range signer {
		out["signer"][name] = frame(message)
	}
	encoder := json.NewEncoder(os.Stdout)
	encoder.SetIndent("", " ")
	if err := encoder.Encode(out); err != nil {
		panic(err)
	}
}
