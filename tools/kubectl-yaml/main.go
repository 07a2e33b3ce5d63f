// Command kubectl-yaml reads texts as kubectl reads the files it applies.
//
// Each line of the standard input is a text, as a JSON string. For each there is one line of output: a JSON list of
// the documents that kubectl would go on with, or null if it would refuse the text.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"os"

	"k8s.io/apimachinery/pkg/util/yaml"
)

func main() {
	texts := json.NewDecoder(bufio.NewReader(os.Stdin))
	output := bufio.NewWriter(os.Stdout)
	for {
		var text string
		err := texts.Decode(&text)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			log.Fatal(err)
		}
		line, err := json.Marshal(read(text))
		if err != nil {
			log.Fatal(err)
		}
		fmt.Fprintf(output, "%s\n", line)
	}
	if err := output.Flush(); err != nil {
		log.Fatal(err)
	}
}

// read does as StreamVisitor of k8s.io/cli-runtime does. RawExtension, which it decodes into, keeps the bytes as
// RawMessage does; their values come later. It returns nil for a text that is refused.
func read(text string) []any {
	documents := []any{}
	decoder := yaml.NewYAMLOrJSONDecoder(bytes.NewReader([]byte(text)), 4096)
	for {
		var document json.RawMessage
		err := decoder.Decode(&document)
		if errors.Is(err, io.EOF) {
			return documents
		}
		if err != nil {
			return nil
		}
		document = bytes.TrimSpace(document)
		if len(document) == 0 || bytes.Equal(document, []byte("null")) {
			continue
		}
		values := json.NewDecoder(bytes.NewReader(document))
		values.UseNumber()
		var value any
		if err := values.Decode(&value); err != nil {
			return nil
		}
		documents = append(documents, value)
	}
}
