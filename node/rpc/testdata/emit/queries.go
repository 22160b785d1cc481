package main

import (
	"github.com/cometbft/cometbft/libs/pubsub/query"
)

// queryVector is a query's normal form, or why it is none.
type queryVector struct {
	Query string `json:"query"`
	Text  string `json:"text,omitempty"`
	Error string `json:"error,omitempty"`
}

// matchVector is whether events match a query.
type matchVector struct {
	Query   string              `json:"query"`
	Events  map[string][]string `json:"events"`
	Matches bool                `json:"matches"`
}

var queryTexts = []string{
	"", " ", "tm.event='NewBlock'", "tm.event = 'Tx' AND tx.height > 5", "tx.height>=5 AND tx.height<=7.25", "transfer.account='alice'",
	"a.b EXISTS", "a.b CONTAINS 'x y'", "a.b CONTAINS 5", "a.b EXISTS 5", "a.b = TIME 2026-11-21T06:50:00Z", "a.b > DATE 2026-11-21",
	"a.b > TIME 2026-13-21T06:50:00Z", "a.b > DATE 1066-10-14", "a.b > DATE x", "a.b='x' OR c.d='y'", "a.b='x' AND", "AND", "a.b", "a.b=",
	"a.b='x", "a.b=\"x\"", "a.b = x", "a.b > 'x'", "a.b >= TIME 2026-11-21T06:50:00+01:00", "=5", "5=5", "5.5 = 5", "a-b_c.d=5", "_x EXISTS",
	"-x EXISTS", "a.b=5 a.c=6", "a.b=5AND a.c=6", "a.b=''", "a.b='it''s'", "a.b<5 AND a.b>1 AND c EXISTS", "a.b=.5", "a.b=5.", "a.b=-5", "a.b=5.5.5",
	"TIME=5", "TIME EXISTS", "DATE = 'x'", "contains.x CONTAINS 'a'", "ä.ö='ü'", "a.b!='x'", "a.b <> 5", "a.b<=5", "a.b< =5", "a.b=TIME  2026-11-21T06:50:00Z",
	"\ta.b\n=\r5 ", "a.b=5\x00", "a/b=5", "tx.hash='AB'", "a.b = TIME 2026-11-21", "a.b EXISTS AND c.d EXISTS", "a.b='\xff'", "a.b=1e5", "AND AND AND",
}

func emitQueries() {
	for _, text := range queryTexts {
		parsed, err := query.New(text)
		if err != nil {
			out.Queries = append(out.Queries, queryVector{Query: text, Error: err.Error()})
			continue
		}
		out.Queries = append(out.Queries, queryVector{Query: text, Text: parsed.String()})
	}
	events := []map[string][]string{
		{"tm.event": {"Tx"}, "tx.height": {"5"}, "transfer.account": {"alice", "bob"}, "transfer.amount": {"8atom", "100"}},
		{"tm.event": {"NewBlock"}, "a.b": {"x y z"}, "a.time": {"2026-11-21T06:50:00Z"}, "a.date": {"2026-11-21"}, "a.n": {"-5", "1.50"}},
		{"a.b.c": {"12345678901234567890123"}},
		{},
	}
	texts := []string{
		"tm.event='Tx'", "tm.event='Tx' AND tx.height=5", "tx.height>4", "tx.height>5", "tx.height>=5", "tx.height<5.5", "tx.height<=4", "transfer.account='bob'",
		"transfer.account='carol'", "transfer.account CONTAINS 'li'", "transfer EXISTS", "transfer.account EXISTS", "trans EXISTS", "transfer.amount=8", "transfer.amount>50",
		"transfer.amount=100.0", "a.b CONTAINS 'y'", "a.time>TIME 2026-11-21T06:49:59Z", "a.time=TIME 2026-11-21T07:50:00+01:00", "a.time<TIME 2026-11-21T06:50:00Z",
		"a.date>=DATE 2026-11-21", "a.date>DATE 2026-11-21", "a.n=1.5", "a.n<0", "a.n>=1.5", "a.b.c=12345678901234567890123", "a.b.c>12345678901234567890122",
		"a.b.c=12345678901234567890124", "a EXISTS", "a.b EXISTS", "a.time=DATE 2026-11-21", "a.date=TIME 2026-11-21T00:00:00Z", "tm.event='Tx' AND a.b EXISTS",
		"tx.height=05", "tx.height<>5",
	}
	for _, text := range texts {
		parsed, err := query.New(text)
		if err != nil {
			continue
		}
		for _, set := range events {
			out.Matches = append(out.Matches, matchVector{Query: text, Events: set, Matches: must(parsed.Matches(set))})
		}
	}
}
