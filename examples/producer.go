// Puts a morning's steps on the queue, with nothing but Go's standard library.
//
//	go run examples/producer.go [NSQD]
//
// NSQD is the HTTP address of an nsqd (127.0.0.1:4151). docs/messages.md has every message that
// workers take. A program that publishes all day takes github.com/nsqio/go-nsq and the same bytes.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"os"
	"time"
)

const eight = 1460448000 // 2016-04-12 08:00:00 UTC

// Metric is a report: activity Aid of user Uid totals Value of Thing from Ts1 to Ts2.
type Metric struct {
	Thing string `json:"thing"`
	Uid   int64  `json:"uid"`
	Aid   int64  `json:"aid"`
	Value int64  `json:"value"`
	Ts1   int64  `json:"ts1"`
	Ts2   int64  `json:"ts2"`
}

// Message carries a list of reports; up to 1,000 of them are booked together.
type Message struct {
	Command string   `json:"command"`
	Metrics []Metric `json:"metrics"`
}

func main() {
	nsqd := "127.0.0.1:4151"
	if len(os.Args) > 1 {
		nsqd = os.Args[1]
	}
	body, err := json.Marshal(Message{"metrics", []Metric{
		{"steps", 601, 1, 2400, eight, eight + 1800},
		{"steps", 602, 1, 1800, eight + 600, eight + 1800},
	}})
	if err != nil {
		log.Fatal(err)
	}
	client := http.Client{Timeout: 5 * time.Second}
	answer, err := client.Post("http://"+nsqd+"/pub?topic=psd", "application/json", bytes.NewReader(body))
	if err != nil {
		log.Fatal(err) // Run it again: a report that arrived twice counts once.
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		log.Fatalf("nsqd answers %s", answer.Status)
	}
	fmt.Printf("2 reports are on the topic psd of %s\n", nsqd)
}
