// Emits what CometBFT's own types answer over RPC, as test vectors for node/rpc: fixtures as protobuf in hex, and
// the JSON-RPC response that the Go server makes of each. Run `go run . > ../cometbft.json` in this folder.
package main

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"time"

	"github.com/cosmos/gogoproto/proto"

	abci "github.com/cometbft/cometbft/abci/types"
	"github.com/cometbft/cometbft/crypto/ed25519"
	cmtjson "github.com/cometbft/cometbft/libs/json"
	"github.com/cometbft/cometbft/p2p"
	cmtcrypto "github.com/cometbft/cometbft/proto/tendermint/crypto"
	cmtproto "github.com/cometbft/cometbft/proto/tendermint/types"
	cmtversion "github.com/cometbft/cometbft/proto/tendermint/version"
	ctypes "github.com/cometbft/cometbft/rpc/core/types"
	rpctypes "github.com/cometbft/cometbft/rpc/jsonrpc/types"
	"github.com/cometbft/cometbft/types"
)

type vectors struct {
	Fixtures  map[string]string `json:"fixtures"`
	Responses map[string]string `json:"responses"`
	Evidence  map[string]string `json:"evidence"`
	Queries   []queryVector     `json:"queries"`
	Matches   []matchVector     `json:"matches"`
}

var out = vectors{Fixtures: map[string]string{}, Responses: map[string]string{}, Evidence: map[string]string{}}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func fixture(name string, msg proto.Message) {
	out.Fixtures[name] = hex.EncodeToString(must(proto.Marshal(msg)))
}

// response emits the text of a successful response with id -1, as the URI handler sends it.
func response(name string, result interface{}) {
	out.Responses[name] = string(must(json.Marshal(rpctypes.NewRPCSuccessResponse(rpctypes.JSONRPCIntID(-1), result))))
}

// stored decodes what was encoded, because that is what a node answers from.
func stored(block *types.Block) *types.Block {
	block.LastCommitHash, block.DataHash, block.EvidenceHash = nil, nil, nil
	block.Hash() // fills in these three
	pb := must(block.ToProto())
	bz := must(proto.Marshal(pb))
	again := new(cmtproto.Block)
	if err := proto.Unmarshal(bz, again); err != nil {
		panic(err)
	}
	return must(types.BlockFromProto(again))
}

func bytesOf(n int, first byte) []byte {
	bz := make([]byte, n)
	for i := range bz {
		bz[i] = first + byte(i)
	}
	return bz
}

func main() {
	keys := []ed25519.PrivKey{}
	validators := []*types.Validator{}
	for i, power := range []int64{30, 20, 10} {
		key := ed25519.GenPrivKeyFromSecret([]byte{byte(i)})
		keys = append(keys, key)
		validators = append(validators, types.NewValidator(key.PubKey(), power))
	}
	set := types.NewValidatorSet(validators)
	pbSet := must(set.ToProto())
	pbSet.TotalVotingPower = 0
	fixture("validators", pbSet)

	blockID := types.BlockID{Hash: bytesOf(32, 1), PartSetHeader: types.PartSetHeader{Total: 3, Hash: bytesOf(32, 40)}}
	moment := time.Date(2026, 11, 21, 6, 50, 1, 120_000_300, time.UTC)
	signature := bytesOf(64, 7)
	commit := &types.Commit{Height: 6, Round: 2, BlockID: blockID, Signatures: []types.CommitSig{
		{BlockIDFlag: types.BlockIDFlagCommit, ValidatorAddress: set.Validators[0].Address, Timestamp: moment, Signature: signature},
		types.NewCommitSigAbsent(),
		{BlockIDFlag: types.BlockIDFlagNil, ValidatorAddress: set.Validators[2].Address, Timestamp: moment.Add(5 * time.Millisecond), Signature: signature},
	}}
	header := types.Header{
		Version: cmtversion.Consensus{Block: 11, App: 1}, ChainID: "a<chain>&", Height: 7, Time: moment, LastBlockID: blockID,
		LastCommitHash: commit.Hash(), DataHash: bytesOf(32, 60), ValidatorsHash: set.Hash(), NextValidatorsHash: set.Hash(),
		ConsensusHash: bytesOf(32, 61), AppHash: bytesOf(32, 62), LastResultsHash: bytesOf(32, 63), EvidenceHash: bytesOf(32, 64),
		ProposerAddress: set.Validators[1].Address,
	}
	fixture("header", header.ToProto())
	fixture("commit", commit.ToProto())

	vote := func(i int32, hash byte) *types.Vote {
		id := types.BlockID{Hash: bytesOf(32, hash), PartSetHeader: types.PartSetHeader{Total: 1, Hash: bytesOf(32, hash+1)}}
		return &types.Vote{Type: cmtproto.PrecommitType, Height: 6, Round: 1, BlockID: id, Timestamp: moment,
			ValidatorAddress: set.Validators[i].Address, ValidatorIndex: i, Signature: signature}
	}
	duplicate := &types.DuplicateVoteEvidence{VoteA: vote(1, 3), VoteB: vote(1, 9), TotalVotingPower: 60, ValidatorPower: 20, Timestamp: moment}
	attackHeader := header
	attackHeader.Height = 6
	attackCommit := *commit
	attackCommit.BlockID.Hash = attackHeader.Hash()
	attack := &types.LightClientAttackEvidence{
		ConflictingBlock: &types.LightBlock{SignedHeader: &types.SignedHeader{Header: &attackHeader, Commit: &attackCommit}, ValidatorSet: set},
		CommonHeight:     4, ByzantineValidators: []*types.Validator{set.Validators[0]}, TotalVotingPower: 60, Timestamp: moment,
	}
	for name, evidence := range map[string]types.Evidence{"duplicateVote": duplicate, "lightClientAttack": attack} {
		fixture(name, must(types.EvidenceToProto(evidence)))
		out.Evidence[name] = string(must(cmtjson.Marshal(evidence)))
	}
	response("broadcast_evidence", &ctypes.ResultBroadcastEvidence{Hash: duplicate.Hash()})

	block := stored(&types.Block{Header: header, Data: types.Data{Txs: types.Txs{[]byte("one"), []byte("two")}},
		Evidence: types.EvidenceData{Evidence: types.EvidenceList{duplicate, attack}}, LastCommit: commit})
	fixture("block", must(block.ToProto()))
	firstHeader := header
	firstHeader.Version.App = 0
	firstHeader.Height = 1
	firstHeader.LastBlockID = types.BlockID{}
	first := stored(&types.Block{Header: firstHeader, LastCommit: &types.Commit{}})
	fixture("firstBlock", must(first.ToProto()))
	pbID := blockID.ToProto()
	fixture("blockId", &pbID)

	response("block", &ctypes.ResultBlock{BlockID: blockID, Block: block})
	response("block first", &ctypes.ResultBlock{BlockID: blockID, Block: first})
	response("block none", &ctypes.ResultBlock{})
	response("block_search", &ctypes.ResultBlockSearch{Blocks: []*ctypes.ResultBlock{{BlockID: blockID, Block: first}}, TotalCount: 31})
	response("block_search none", &ctypes.ResultBlockSearch{Blocks: []*ctypes.ResultBlock{}})
	response("header", &ctypes.ResultHeader{Header: &header})
	response("header none", &ctypes.ResultHeader{})
	response("commit", ctypes.NewResultCommit(&header, stored(&types.Block{Header: header, LastCommit: commit}).LastCommit, true))
	response("blockchain", &ctypes.ResultBlockchainInfo{LastHeight: 7, BlockMetas: []*types.BlockMeta{
		{BlockID: blockID, BlockSize: 12345, Header: header, NumTxs: 2}}})
	response("validators", &ctypes.ResultValidators{BlockHeight: 7, Validators: set.Validators[1:], Count: 2, Total: 3})
	params := types.DefaultConsensusParams()
	params.Version.App = 1
	fixtureParams := params.ToProto()
	fixture("params", &fixtureParams)
	response("consensus_params", &ctypes.ResultConsensusParams{BlockHeight: 8, ConsensusParams: *params})

	event := abci.Event{Type: "seal", Attributes: []abci.EventAttribute{
		{Key: "meter", Value: "m<1>", Index: true}, {Key: "note", Value: "", Index: false}}}
	bare := abci.Event{Type: "bare"}
	good := &abci.ExecTxResult{Code: 0, Data: []byte{1, 2}, Log: "fine", GasWanted: 5, GasUsed: 4, Events: []abci.Event{event, bare}}
	bad := &abci.ExecTxResult{Code: 7, Log: "ROLE_FORBIDDEN: <no>", Codespace: "edream"}
	full := &abci.ResponseFinalizeBlock{Events: []abci.Event{event}, TxResults: []*abci.ExecTxResult{good, bad},
		ValidatorUpdates: []abci.ValidatorUpdate{{PubKey: cmtcrypto.PublicKey{Sum: &cmtcrypto.PublicKey_Ed25519{Ed25519: keys[0].PubKey().Bytes()}}, Power: 9},
			{PubKey: cmtcrypto.PublicKey{Sum: &cmtcrypto.PublicKey_Secp256K1{Secp256K1: bytesOf(33, 2)}}, Power: 0}},
		AppHash: bytesOf(32, 62)}
	for name, results := range map[string]*abci.ResponseFinalizeBlock{"results": full, "noResults": {AppHash: bytesOf(32, 62)}} {
		fixture(name, results)
		again := new(abci.ResponseFinalizeBlock)
		if err := proto.Unmarshal(must(proto.Marshal(results)), again); err != nil {
			panic(err)
		}
		response("block_results "+name, &ctypes.ResultBlockResults{Height: 7, TxsResults: again.TxResults, FinalizeBlockEvents: again.Events,
			ValidatorUpdates: again.ValidatorUpdates, ConsensusParamUpdates: again.ConsensusParamUpdates, AppHash: again.AppHash})
		response("event NewBlock "+name, &ctypes.ResultEvent{Query: "tm.event='NewBlock'",
			Data: types.EventDataNewBlock{Block: first, BlockID: blockID, ResultFinalizeBlock: *again}, Events: map[string][]string{"tm.event": {"NewBlock"}}})
		response("event NewBlockEvents "+name, &ctypes.ResultEvent{Query: "q",
			Data: types.EventDataNewBlockEvents{Height: 7, Events: again.Events, NumTxs: int64(len(again.TxResults))}, Events: map[string][]string{"a.b": {"1", "2"}}})
	}
	response("event NewBlockHeader", &ctypes.ResultEvent{Query: "q", Data: types.EventDataNewBlockHeader{Header: header}, Events: map[string][]string{"tm.event": {"NewBlockHeader"}}})
	response("event NewEvidence", &ctypes.ResultEvent{Query: "q", Data: types.EventDataNewEvidence{Height: 7, Evidence: duplicate}, Events: map[string][]string{"tm.event": {"NewEvidence"}}})
	response("event Tx", &ctypes.ResultEvent{Query: "q", Data: types.EventDataTx{TxResult: abci.TxResult{Height: 7, Index: 1, Tx: []byte("two"), Result: *bad}},
		Events: map[string][]string{"tm.event": {"Tx"}}})
	response("event Tx first", &ctypes.ResultEvent{Query: "q", Data: types.EventDataTx{TxResult: abci.TxResult{Height: 7, Index: 0, Tx: []byte("one"), Result: *good}},
		Events: map[string][]string{"tm.event": {"Tx"}}})
	response("event ValidatorSetUpdates", &ctypes.ResultEvent{Query: "q", Data: types.EventDataValidatorSetUpdates{ValidatorUpdates: []*types.Validator{types.NewValidator(keys[0].PubKey(), 9)}},
		Events: map[string][]string{"tm.event": {"ValidatorSetUpdates"}}})
	response("event Vote", &ctypes.ResultEvent{Query: "q", Data: types.EventDataVote{Vote: duplicate.VoteA}, Events: map[string][]string{"tm.event": {"Vote"}}})
	response("event RoundState", &ctypes.ResultEvent{Query: "q", Data: types.EventDataRoundState{Height: 7, Round: 1, Step: "RoundStepPropose"}, Events: map[string][]string{"tm.event": {"Lock"}}})
	response("event NewRound", &ctypes.ResultEvent{Query: "q", Data: types.EventDataNewRound{Height: 7, Round: 1, Step: "RoundStepNewRound",
		Proposer: types.ValidatorInfo{Address: set.Validators[1].Address, Index: 1}}, Events: map[string][]string{"tm.event": {"NewRound"}}})
	response("event CompleteProposal", &ctypes.ResultEvent{Query: "q", Data: types.EventDataCompleteProposal{Height: 7, Round: 1, Step: "RoundStepPropose", BlockID: blockID},
		Events: map[string][]string{"tm.event": {"CompleteProposal"}}})

	proof := block.Txs.Proof(1)
	response("tx", &ctypes.ResultTx{Hash: block.Txs[1].Hash(), Height: 7, Index: 1, TxResult: *bad, Tx: block.Txs[1]})
	response("tx proved", &ctypes.ResultTx{Hash: block.Txs[1].Hash(), Height: 7, Index: 1, TxResult: *good, Tx: block.Txs[1], Proof: proof})
	single := types.Txs{[]byte("one")}
	response("tx alone proved", &ctypes.ResultTx{Hash: single[0].Hash(), Height: 7, Index: 0, TxResult: *bad, Tx: single[0], Proof: single.Proof(0)})
	response("tx_search", &ctypes.ResultTxSearch{Txs: []*ctypes.ResultTx{{Hash: block.Txs[1].Hash(), Height: 7, Index: 1, TxResult: *bad, Tx: block.Txs[1]}}, TotalCount: 5})
	response("tx_search none", &ctypes.ResultTxSearch{Txs: []*ctypes.ResultTx{}})

	response("broadcast_tx_sync", &ctypes.ResultBroadcastTx{Code: 7, Log: "ROLE_FORBIDDEN: <no>", Codespace: "edream", Hash: block.Txs[1].Hash()})
	check := abci.ResponseCheckTx{Code: 0, GasWanted: 0}
	checkBad := abci.ResponseCheckTx{Code: 7, Log: "ROLE_FORBIDDEN: <no>", Codespace: "edream"}
	response("broadcast_tx_commit", &ctypes.ResultBroadcastTxCommit{CheckTx: check, TxResult: *good, Hash: block.Txs[1].Hash(), Height: 7})
	response("broadcast_tx_commit refused", &ctypes.ResultBroadcastTxCommit{CheckTx: checkBad, TxResult: abci.ExecTxResult{}, Hash: block.Txs[1].Hash()})
	response("check_tx", &ctypes.ResultCheckTx{ResponseCheckTx: check})
	response("check_tx refused", &ctypes.ResultCheckTx{ResponseCheckTx: checkBad})

	response("abci_info", &ctypes.ResultABCIInfo{Response: abci.ResponseInfo{Data: "energy-ledger", Version: "0.1.0", AppVersion: 1, LastBlockHeight: 7, LastBlockAppHash: bytesOf(32, 62)}})
	response("abci_info first", &ctypes.ResultABCIInfo{Response: abci.ResponseInfo{Data: "energy-ledger", Version: "0.1.0", AppVersion: 1}})
	response("abci_query", &ctypes.ResultABCIQuery{Response: abci.ResponseQuery{Key: []byte("key"), Value: []byte("value"), Height: 7}})
	response("abci_query proved", &ctypes.ResultABCIQuery{Response: abci.ResponseQuery{Key: []byte("key"), Value: []byte("value"), Height: 7,
		ProofOps: &cmtcrypto.ProofOps{Ops: []cmtcrypto.ProofOp{{Type: "edream:state", Key: []byte("key"), Data: []byte("proof")}}}}})
	response("abci_query refused", &ctypes.ResultABCIQuery{Response: abci.ResponseQuery{Code: 102, Log: "QUERY_NOT_FOUND: x", Codespace: "edream", Height: 7}})

	response("unconfirmed_txs", &ctypes.ResultUnconfirmedTxs{Count: 1, Total: 2, TotalBytes: 6, Txs: types.Txs{[]byte("one")}})
	response("unconfirmed_txs none", &ctypes.ResultUnconfirmedTxs{Txs: types.Txs{}})
	response("num_unconfirmed_txs", &ctypes.ResultUnconfirmedTxs{Count: 2, Total: 2, TotalBytes: 6})
	response("health", &ctypes.ResultHealth{})
	response("subscribe", &ctypes.ResultSubscribe{})
	response("genesis_chunked", &ctypes.ResultGenesisChunk{ChunkNumber: 0, TotalChunks: 1, Data: "e30="})

	info := p2p.DefaultNodeInfo{ProtocolVersion: p2p.NewProtocolVersion(8, 11, 1), DefaultNodeID: "0102", ListenAddr: "tcp://127.0.0.1:26656",
		Network: "a<chain>&", Version: "0.38.25", Channels: bytesOf(2, 0x20), Moniker: "node0",
		Other: p2p.DefaultNodeInfoOther{TxIndex: "on", RPCAddress: "tcp://127.0.0.1:26657"}}
	response("status", &ctypes.ResultStatus{NodeInfo: info, SyncInfo: ctypes.SyncInfo{LatestBlockHash: bytesOf(32, 1), LatestAppHash: bytesOf(32, 2), LatestBlockHeight: 7,
		LatestBlockTime: moment, EarliestBlockHash: bytesOf(32, 3), EarliestAppHash: bytesOf(32, 4), EarliestBlockHeight: 1, EarliestBlockTime: moment, CatchingUp: true},
		ValidatorInfo: ctypes.ValidatorInfo{Address: set.Validators[0].Address, PubKey: set.Validators[0].PubKey, VotingPower: 30}})
	response("status first", &ctypes.ResultStatus{NodeInfo: info, SyncInfo: ctypes.SyncInfo{LatestBlockTime: time.Unix(0, 0), EarliestBlockTime: time.Unix(0, 0)},
		ValidatorInfo: ctypes.ValidatorInfo{Address: set.Validators[0].Address, PubKey: set.Validators[0].PubKey}})
	peer := ctypes.Peer{NodeInfo: info, IsOutbound: true, RemoteIP: "127.0.0.1"}
	peer.ConnectionStatus.Duration = 5 * time.Second
	peer.ConnectionStatus.RecvMonitor.Start = moment
	peer.ConnectionStatus.RecvMonitor.Bytes = 77
	peer.ConnectionStatus.RecvMonitor.Duration = 5 * time.Second
	peer.ConnectionStatus.RecvMonitor.AvgRate = 15
	peer.ConnectionStatus.RecvMonitor.Active = true
	response("net_info", &ctypes.ResultNetInfo{Listening: true, Listeners: []string{"Listener(@)"}, NPeers: 1, Peers: []ctypes.Peer{peer}})
	response("net_info alone", &ctypes.ResultNetInfo{Listening: true, Listeners: []string{"Listener(@)"}, Peers: []ctypes.Peer{}})

	emitConsensus(keys, set, header.ChainID, block, moment)
	emitQueries()
	encoder := json.NewEncoder(os.Stdout)
	encoder.SetIndent("", " ")
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(out); err != nil {
		panic(err)
	}
}
