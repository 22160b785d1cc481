// Prints the CIDs that Kubo's importer gives to files of bytes that follow from their length alone.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"

	chunker "github.com/ipfs/boxo/chunker"
	"github.com/ipfs/boxo/ipld/merkledag"
	mdtest "github.com/ipfs/boxo/ipld/merkledag/test"
	"github.com/ipfs/boxo/ipld/unixfs/importer/balanced"
	"github.com/ipfs/boxo/ipld/unixfs/importer/helpers"
	"github.com/multiformats/go-multihash"
)

type vector struct {
	Length int    `json:"length"`
	Cid    string `json:"cid"`
}

// content is byte i = (i * 31 + i / 251) mod 256.
func content(length int) []byte {
	out := make([]byte, length)
	for i := range out {
		out[i] = byte(i*31 + i/251)
	}
	return out
}

func main() {
	prefix, err := merkledag.PrefixForCidVersion(1)
	if err != nil {
		panic(err)
	}
	prefix.MhType = multihash.SHA2_256
	const chunk = 262144
	lengths := []int{0, 1, 1000, chunk - 1, chunk, chunk + 1, 2 * chunk, 1000000, 174 * chunk, 174*chunk + 1, 175*chunk + 5}
	vectors := []vector{}
	for _, length := range lengths {
		params := helpers.DagBuilderParams{
			Maxlinks:   174,
			RawLeaves:  true,
			CidBuilder: &prefix,
			Dagserv:    mdtest.Mock(),
		}
		builder, err := params.New(chunker.NewSizeSplitter(bytes.NewReader(content(length)), chunk))
		if err != nil {
			panic(err)
		}
		node, err := balanced.Layout(builder)
		if err != nil {
			panic(err)
		}
		vectors = append(vectors, vector{length, node.Cid().String()})
	}
	out, _ := json.MarshalIndent(vectors, "", "  ")
	fmt.Fprintln(os.Stdout, string(out))
}
