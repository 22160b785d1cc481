// Command cometbft-emitter prints golden vectors computed by CometBFT's own Go code, so that the TypeScript encoders are checked
// against something that does not share their mistakes. Everything is drawn from one seed: the output is reproducible byte for byte.
package main

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/rand"
	"os"
	"time"

	abci "github.com/cometbft/cometbft/abci/types"
	"github.com/cometbft/cometbft/crypto"
	"github.com/cometbft/cometbft/crypto/ed25519"
	"github.com/cometbft/cometbft/crypto/secp256k1"
	"github.com/cometbft/cometbft/crypto/tmhash"
	cmtjson "github.com/cometbft/cometbft/libs/json"
	"github.com/cometbft/cometbft/p2p"
	"github.com/cometbft/cometbft/privval"
	cmtproto "github.com/cometbft/cometbft/proto/tendermint/types"
	cmtversion "github.com/cometbft/cometbft/proto/tendermint/version"
	"github.com/cometbft/cometbft/state"
	"github.com/cometbft/cometbft/types"
)

type object = map[string]any

const chainID = "edream-vectors"

var random = rand.New(rand.NewSource(20261121))

func main() {
	output := object{
		"cometbft":      "v0.38.25",
		"chainId":       chainID,
		"headers":       headers(),
		"votes":         votes(),
		"proposals":     proposals(),
		"commits":       commits(),
		"blocks":        blocks(),
		"validatorSets": validatorSets(),
		"evidence":      evidence(),
		"results":       results(),
		"params":        params(),
		"medianTimes":   medianTimes(),
		"genesis":       genesis(),
		"keyFiles":      keyFiles(),
		"lightBlocks":   lightBlocks(),
	}
	encoder := json.NewEncoder(os.Stdout)
	encoder.SetIndent("", " ")
	must(encoder.Encode(output))
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func marshal(message interface{ Marshal() ([]byte, error) }) string {
	bytes, err := message.Marshal()
	must(err)
	return hex.EncodeToString(bytes)
}

func randomBytes(n int) []byte {
	bytes := make([]byte, n)
	random.Read(bytes)
	return bytes
}

func randomTime() time.Time {
	return time.Unix(1_500_000_000+random.Int63n(400_000_000), random.Int63n(1_000_000_000)).UTC()
}

func randomBlockID() types.BlockID {
	return types.BlockID{
		Hash:          randomBytes(tmhash.Size),
		PartSetHeader: types.PartSetHeader{Total: uint32(1 + random.Intn(300)), Hash: randomBytes(tmhash.Size)},
	}
}

func timeOf(t time.Time) object {
	return object{"seconds": fmt.Sprint(t.Unix()), "nanos": t.Nanosecond()}
}

func blockIDOf(id types.BlockID) object {
	return object{
		"hash":          hex.EncodeToString(id.Hash),
		"partSetHeader": object{"total": id.PartSetHeader.Total, "hash": hex.EncodeToString(id.PartSetHeader.Hash)},
	}
}

// privateKey derives the i-th key from a fixed 32-byte seed, which the vectors print.
func privateKey(i int) ed25519.PrivKey {
	return ed25519.GenPrivKeyFromSecret([]byte(fmt.Sprintf("validator %d", i)))
}

func headerOf(header *types.Header) object {
	return object{
		"version":            object{"block": fmt.Sprint(header.Version.Block), "app": fmt.Sprint(header.Version.App)},
		"chainId":            header.ChainID,
		"height":             header.Height,
		"time":               timeOf(header.Time),
		"lastBlockId":        blockIDOf(header.LastBlockID),
		"lastCommitHash":     hex.EncodeToString(header.LastCommitHash),
		"dataHash":           hex.EncodeToString(header.DataHash),
		"validatorsHash":     hex.EncodeToString(header.ValidatorsHash),
		"nextValidatorsHash": hex.EncodeToString(header.NextValidatorsHash),
		"consensusHash":      hex.EncodeToString(header.ConsensusHash),
		"appHash":            hex.EncodeToString(header.AppHash),
		"lastResultsHash":    hex.EncodeToString(header.LastResultsHash),
		"evidenceHash":       hex.EncodeToString(header.EvidenceHash),
		"proposerAddress":    hex.EncodeToString(header.ProposerAddress),
	}
}

func randomHeader(height int64) *types.Header {
	return &types.Header{
		Version:            cmtversion.Consensus{Block: 11, App: uint64(random.Intn(3))},
		ChainID:            chainID,
		Height:             height,
		Time:               randomTime(),
		LastBlockID:        randomBlockID(),
		LastCommitHash:     randomBytes(32),
		DataHash:           randomBytes(32),
		ValidatorsHash:     randomBytes(32),
		NextValidatorsHash: randomBytes(32),
		ConsensusHash:      randomBytes(32),
		AppHash:            randomBytes(32),
		LastResultsHash:    randomBytes(32),
		EvidenceHash:       randomBytes(32),
		ProposerAddress:    randomBytes(20),
	}
}

func headers() []object {
	list := []*types.Header{
		// The first block of a chain: no last block, empty app hash.
		{Version: cmtversion.Consensus{Block: 11}, ChainID: "c", Height: 1, Time: time.Unix(0, 0).UTC(), ValidatorsHash: randomBytes(32), ProposerAddress: randomBytes(20)},
		// Zero everywhere that proto3 omits, and a time before 1970.
		{Time: time.Unix(-5, 7).UTC(), ValidatorsHash: randomBytes(32)},
	}
	for _, height := range []int64{2, 127, 128, 1 << 31, 1<<53 - 1} {
		list = append(list, randomHeader(height))
	}
	var out []object
	for _, header := range list {
		out = append(out, object{"header": headerOf(header), "bytes": marshal(header.ToProto()), "hash": hex.EncodeToString(header.Hash())})
	}
	return out
}

func voteOf(vote *types.Vote) object {
	kind := "prevote"
	if vote.Type == cmtproto.PrecommitType {
		kind = "precommit"
	}
	return object{
		"type": kind, "height": vote.Height, "round": vote.Round, "blockId": blockIDOf(vote.BlockID), "timestamp": timeOf(vote.Timestamp),
		"validatorAddress": hex.EncodeToString(vote.ValidatorAddress), "validatorIndex": vote.ValidatorIndex,
		"signature": hex.EncodeToString(vote.Signature),
	}
}

func signedVote(key ed25519.PrivKey, vote types.Vote) *types.Vote {
	vote.ValidatorAddress = key.PubKey().Address()
	signature, err := key.Sign(types.VoteSignBytes(chainID, vote.ToProto()))
	must(err)
	vote.Signature = signature
	return &vote
}

func votes() []object {
	var out []object
	for i := 0; i < 8; i++ {
		key := privateKey(i)
		vote := types.Vote{Type: cmtproto.PrevoteType, Height: 1 + random.Int63n(1<<40), Round: int32(random.Intn(4)), Timestamp: randomTime(), ValidatorIndex: int32(i)}
		if i%2 == 1 {
			vote.Type = cmtproto.PrecommitType
		}
		if i%3 != 0 {
			vote.BlockID = randomBlockID()
		}
		signed := signedVote(key, vote)
		out = append(out, object{
			"vote": voteOf(signed), "publicKey": hex.EncodeToString(key.PubKey().Bytes()),
			"bytes": marshal(signed.ToProto()), "signBytes": hex.EncodeToString(types.VoteSignBytes(chainID, signed.ToProto())),
		})
	}
	return out
}

func proposals() []object {
	var out []object
	for i := 0; i < 6; i++ {
		key := privateKey(i)
		proposal := types.NewProposal(1+random.Int63n(1<<33), int32(i), int32(i-1), randomBlockID())
		if i == 5 {
			proposal.BlockID = types.BlockID{}
		}
		proposal.Timestamp = randomTime()
		signBytes := types.ProposalSignBytes(chainID, proposal.ToProto())
		signature, err := key.Sign(signBytes)
		must(err)
		proposal.Signature = signature
		out = append(out, object{
			"proposal": object{
				"height": proposal.Height, "round": proposal.Round, "polRound": proposal.POLRound, "blockId": blockIDOf(proposal.BlockID),
				"timestamp": timeOf(proposal.Timestamp), "signature": hex.EncodeToString(signature),
			},
			"publicKey": hex.EncodeToString(key.PubKey().Bytes()),
			"bytes":     marshal(proposal.ToProto()), "signBytes": hex.EncodeToString(signBytes),
		})
	}
	return out
}

func committee(n int) (*types.ValidatorSet, map[string]ed25519.PrivKey) {
	keys := map[string]ed25519.PrivKey{}
	var list []*types.Validator
	for i := 0; i < n; i++ {
		key := privateKey(i)
		keys[key.PubKey().Address().String()] = key
		list = append(list, types.NewValidator(key.PubKey(), int64(10+i*3)))
	}
	return types.NewValidatorSet(list), keys
}

// commitOf signs with every validator, except that absent and nil list the positions that did not vote or voted nil.
func commitOf(set *types.ValidatorSet, keys map[string]ed25519.PrivKey, height int64, round int32, id types.BlockID, absent, nilVotes map[int]bool) *types.Commit {
	commit := &types.Commit{Height: height, Round: round, BlockID: id}
	for i, validator := range set.Validators {
		if absent[i] {
			commit.Signatures = append(commit.Signatures, types.NewCommitSigAbsent())
			continue
		}
		vote := types.Vote{Type: cmtproto.PrecommitType, Height: height, Round: round, BlockID: id, Timestamp: randomTime(), ValidatorIndex: int32(i)}
		if nilVotes[i] {
			vote.BlockID = types.BlockID{}
		}
		commit.Signatures = append(commit.Signatures, signedVote(keys[validator.Address.String()], vote).CommitSig())
	}
	return commit
}

func commits() []object {
	set, keys := committee(7)
	setProto, err := set.ToProto()
	must(err)
	list := []*types.Commit{
		{},
		commitOf(set, keys, 1, 0, randomBlockID(), nil, nil),
		commitOf(set, keys, 900, 3, randomBlockID(), map[int]bool{6: true}, map[int]bool{5: true}),
		commitOf(set, keys, 901, 0, randomBlockID(), map[int]bool{0: true, 1: true, 2: true}, nil),
	}
	var out []object
	for _, commit := range list {
		var signBytes []string
		for i, signature := range commit.Signatures {
			if signature.BlockIDFlag != types.BlockIDFlagAbsent {
				signBytes = append(signBytes, hex.EncodeToString(commit.VoteSignBytes(chainID, int32(i))))
			} else {
				signBytes = append(signBytes, "")
			}
		}
		entry := object{"bytes": marshal(commit.ToProto()), "hash": hex.EncodeToString(commit.Hash()), "signBytes": signBytes, "validatorSet": marshal(setProto)}
		if commit.Height > 0 {
			entry["verifyCommit"] = set.VerifyCommit(chainID, commit.BlockID, commit.Height, commit) == nil
		}
		out = append(out, entry)
	}
	return out
}

// patternTx is a transaction that needs no room in the vector file: byte j of it is (j * 31 + seed) mod 256.
func patternTx(size, seed int) []byte {
	tx := make([]byte, size)
	for j := range tx {
		tx[j] = byte(j*31 + seed)
	}
	return tx
}

func blocks() []object {
	set, keys := committee(4)
	cases := []struct {
		height   int64
		txSizes  []int
		evidence []types.Evidence
	}{
		{1, nil, nil},
		{2, []int{1, 2, 3}, nil},
		{3, []int{250}, []types.Evidence{duplicateVote(0), duplicateVote(1)}},
		{4, []int{65536, 70000, 0, 1}, nil},
		{5, []int{300000}, []types.Evidence{duplicateVote(2)}},
	}
	var out []object
	for _, c := range cases {
		var txs []types.Tx
		var described []object
		for i, size := range c.txSizes {
			txs = append(txs, patternTx(size, i))
			described = append(described, object{"size": size, "seed": i})
		}
		commit := &types.Commit{}
		if c.height > 1 {
			commit = commitOf(set, keys, c.height-1, 0, randomBlockID(), map[int]bool{3: true}, nil)
		}
		block := types.MakeBlock(c.height, txs, commit, c.evidence)
		header := randomHeader(c.height)
		header.LastCommitHash, header.DataHash, header.EvidenceHash = block.LastCommitHash, block.DataHash, block.EvidenceHash
		if c.height == 1 {
			header.LastBlockID = types.BlockID{}
		}
		block.Header = *header
		parts, err := block.MakePartSet(types.BlockPartSizeBytes)
		must(err)
		message, err := block.ToProto()
		must(err)
		bytes, err := message.Marshal()
		must(err)
		entry := object{
			"header": headerOf(&block.Header), "txs": described, "commit": marshal(block.LastCommit.ToProto()),
			"size": len(bytes), "sha256": hex.EncodeToString(tmhash.Sum(bytes)), "hash": hex.EncodeToString(block.Hash()),
			"partSetHeader": object{"total": parts.Total(), "hash": hex.EncodeToString(parts.Hash())},
		}
		var evidenceBytes []string
		for _, item := range c.evidence {
			evidenceBytes = append(evidenceBytes, hex.EncodeToString(item.Bytes()))
		}
		entry["evidence"] = evidenceBytes
		if len(bytes) < 4096 {
			entry["bytes"] = hex.EncodeToString(bytes)
		}
		last, err := parts.GetPart(int(parts.Total()) - 1).ToProto()
		must(err)
		lastBytes, err := last.Marshal()
		must(err)
		entry["lastPart"] = object{"size": len(lastBytes), "sha256": hex.EncodeToString(tmhash.Sum(lastBytes))}
		out = append(out, entry)
	}
	return out
}

func duplicateVote(i int) *types.DuplicateVoteEvidence {
	set, keys := committee(4)
	validator := set.Validators[i%4]
	key := keys[validator.Address.String()]
	base := types.Vote{Type: cmtproto.PrecommitType, Height: int64(10 + i), Round: int32(i), Timestamp: randomTime(), ValidatorIndex: int32(i % 4)}
	first, second := base, base
	first.BlockID, second.BlockID = randomBlockID(), randomBlockID()
	if i%3 == 2 {
		second.BlockID = types.BlockID{}
	}
	second.Timestamp = randomTime()
	evidence, err := types.NewDuplicateVoteEvidence(signedVote(key, first), signedVote(key, second), randomTime(), set)
	must(err)
	return evidence
}

func setOf(set *types.ValidatorSet) object {
	message, err := set.ToProto()
	must(err)
	return object{
		"proposer": hex.EncodeToString(set.GetProposer().Address), "total": fmt.Sprint(set.TotalVotingPower()),
		"hash": hex.EncodeToString(set.Hash()), "bytes": marshal(message),
	}
}

// validatorSets walks random sets through increments and updates; a refused update is recorded as such and must change nothing.
func validatorSets() []object {
	var out []object
	for run := 0; run < 10; run++ {
		maxPower := []int64{3, 10, 1000, 1 << 40, types.MaxTotalVotingPower}[run%5]
		publicKey := func(i int) crypto.PubKey {
			if run >= 8 && i%2 == 0 {
				return secp256k1.GenPrivKeySecp256k1([]byte(fmt.Sprintf("secp %d", i))).PubKey()
			}
			return privateKey(i).PubKey()
		}
		change := func(i int, power int64) (*types.Validator, object) {
			key := publicKey(i)
			kind := key.Type()
			return types.NewValidator(key, power), object{"type": kind, "publicKey": hex.EncodeToString(key.Bytes()), "power": fmt.Sprint(power)}
		}
		var initial []*types.Validator
		var initialDescribed []object
		for i := 0; i < 1+random.Intn(6); i++ {
			validator, described := change(i, 1+random.Int63n(maxPower)/8)
			initial = append(initial, validator)
			initialDescribed = append(initialDescribed, described)
		}
		set := types.NewValidatorSet(initial)
		entry := object{"initial": initialDescribed, "start": setOf(set)}
		var steps []object
		for step := 0; step < 10; step++ {
			if random.Intn(2) == 0 {
				times := int32(1 + random.Intn(5))
				set.IncrementProposerPriority(times)
				steps = append(steps, object{"increment": times, "set": setOf(set)})
				continue
			}
			var updates []*types.Validator
			var updatesDescribed []object
			for i := 0; i < 10; i++ {
				if random.Intn(4) != 0 {
					continue
				}
				power := 1 + random.Int63n(maxPower)/4
				if random.Intn(3) == 0 && set.HasAddress(publicKey(i).Address()) {
					power = 0
				}
				validator, described := change(i, power)
				updates = append(updates, validator)
				updatesDescribed = append(updatesDescribed, described)
			}
			err := set.UpdateWithChangeSet(updates)
			steps = append(steps, object{"updates": updatesDescribed, "accepted": err == nil, "set": setOf(set)})
		}
		entry["steps"] = steps
		out = append(out, entry)
	}
	return out
}

func evidence() object {
	var duplicates []object
	var list types.EvidenceList
	for i := 0; i < 4; i++ {
		item := duplicateVote(i)
		list = append(list, item)
		duplicates = append(duplicates, object{"bytes": hex.EncodeToString(item.Bytes()), "hash": hex.EncodeToString(item.Hash())})
	}
	attack := lightClientAttack()
	list = append(list, attack)
	data := types.EvidenceData{Evidence: list}
	message, err := data.ToProto()
	must(err)
	set, _ := committee(4)
	setProto, err := set.ToProto()
	must(err)
	return object{
		"duplicateVotes":    duplicates,
		"lightClientAttack": object{"bytes": hex.EncodeToString(attack.Bytes()), "hash": hex.EncodeToString(attack.Hash())},
		"listBytes":         marshal(message), "listHash": hex.EncodeToString(list.Hash()), "validatorSet": marshal(setProto),
	}
}

func lightBlock(height int64) *types.LightBlock {
	set, keys := committee(4)
	header := randomHeader(height)
	header.ValidatorsHash = set.Hash()
	id := types.BlockID{Hash: header.Hash(), PartSetHeader: types.PartSetHeader{Total: 1, Hash: randomBytes(32)}}
	commit := commitOf(set, keys, height, 1, id, map[int]bool{3: true}, nil)
	return &types.LightBlock{SignedHeader: &types.SignedHeader{Header: header, Commit: commit}, ValidatorSet: set}
}

func lightClientAttack() *types.LightClientAttackEvidence {
	block := lightBlock(77)
	return &types.LightClientAttackEvidence{
		ConflictingBlock: block, CommonHeight: 70, ByzantineValidators: block.ValidatorSet.Validators[:2],
		TotalVotingPower: block.ValidatorSet.TotalVotingPower(), Timestamp: randomTime(),
	}
}

func lightBlocks() []object {
	var out []object
	for _, height := range []int64{1, 500} {
		block := lightBlock(height)
		message, err := block.ToProto()
		must(err)
		out = append(out, object{"bytes": marshal(message), "hash": hex.EncodeToString(block.Hash()), "valid": block.ValidateBasic(chainID) == nil})
	}
	return out
}

func results() []object {
	var out []object
	for count := 0; count < 5; count++ {
		var list []*abci.ExecTxResult
		var described []object
		for i := 0; i < count; i++ {
			result := &abci.ExecTxResult{
				Code: uint32(i * 300), Data: randomBytes(i * 5), GasWanted: random.Int63n(1 << 40), GasUsed: int64(i), Log: "not hashed", Codespace: "not hashed",
				Events: []abci.Event{{Type: "not hashed"}},
			}
			if i == 3 {
				result.GasUsed = -1
			}
			list = append(list, result)
			described = append(described, object{
				"code": result.Code, "data": hex.EncodeToString(result.Data), "gasWanted": fmt.Sprint(result.GasWanted), "gasUsed": fmt.Sprint(result.GasUsed),
			})
		}
		out = append(out, object{"results": described, "hash": hex.EncodeToString(types.NewResults(list).Hash())})
	}
	return out
}

func params() []object {
	var out []object
	for _, block := range []types.BlockParams{{MaxBytes: 22020096, MaxGas: -1}, {MaxBytes: 2097152, MaxGas: -1}, {MaxBytes: -1, MaxGas: 0}, {MaxBytes: 1, MaxGas: 1 << 50}} {
		value := types.DefaultConsensusParams()
		value.Block = block
		message := value.ToProto()
		out = append(out, object{"maxBytes": block.MaxBytes, "maxGas": block.MaxGas, "hash": hex.EncodeToString(value.Hash()), "bytes": marshal(&message)})
	}
	return out
}

func medianTimes() []object {
	set, keys := committee(5)
	setProto, err := set.ToProto()
	must(err)
	var out []object
	for i := 0; i < 8; i++ {
		absent, nilVotes := map[int]bool{}, map[int]bool{}
		if i%2 == 1 {
			absent[random.Intn(5)] = true
		}
		if i >= 4 {
			nilVotes[random.Intn(5)] = true
		}
		commit := commitOf(set, keys, int64(i+1), 0, randomBlockID(), absent, nilVotes)
		median, err := state.MedianTime(commit, set)
		must(err)
		out = append(out, object{"commit": marshal(commit.ToProto()), "validatorSet": marshal(setProto), "medianNilCounted": timeOf(median)})
	}
	return out
}

func genesis() []object {
	var validators []types.GenesisValidator
	for i := 0; i < 3; i++ {
		key := privateKey(i).PubKey()
		validators = append(validators, types.GenesisValidator{Address: key.Address(), PubKey: key, Power: int64(i + 1), Name: fmt.Sprintf("dso-%d", i)})
	}
	validators = append(validators, types.GenesisValidator{PubKey: secp256k1.GenPrivKeySecp256k1([]byte("secp")).PubKey(), Power: 9, Name: "no address <&>"})
	full := &types.GenesisDoc{
		GenesisTime: time.Date(2026, 11, 21, 8, 30, 0, 120_000_000, time.UTC), ChainID: chainID, InitialHeight: 1000,
		ConsensusParams: types.DefaultConsensusParams(), Validators: validators, AppHash: []byte{1, 2, 0xab}, AppState: json.RawMessage(`{"a":[1,"x",null]}`),
	}
	full.ConsensusParams.Block.MaxBytes = 2097152
	least := &types.GenesisDoc{GenesisTime: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), ChainID: "least"}
	var out []object
	for _, document := range []*types.GenesisDoc{full, least} {
		must(document.ValidateAndComplete())
		bytes, err := cmtjson.MarshalIndent(document, "", "  ")
		must(err)
		entry := object{"json": string(bytes), "initialHeight": document.InitialHeight, "validators": len(document.Validators)}
		if len(document.Validators) > 0 {
			entry["validatorsHash"] = hex.EncodeToString(document.ValidatorHash())
		}
		out = append(out, entry)
	}
	return out
}

func keyFiles() object {
	key := privateKey(0)
	validatorKey, err := cmtjson.MarshalIndent(privval.FilePVKey{Address: key.PubKey().Address(), PubKey: key.PubKey(), PrivKey: key}, "", "  ")
	must(err)
	nodeKey := p2p.NodeKey{PrivKey: key}
	nodeKeyFile, err := cmtjson.Marshal(nodeKey)
	must(err)
	return object{
		"seed": hex.EncodeToString(key[:32]), "publicKey": hex.EncodeToString(key.PubKey().Bytes()), "address": hex.EncodeToString(key.PubKey().Address()),
		"privValidatorKey": string(validatorKey), "nodeKey": string(nodeKeyFile), "nodeId": string(nodeKey.ID()),
	}
}
