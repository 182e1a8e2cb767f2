package harvest

import "encoding/json"

// memory is the shape of a State that Remember writes.
type memory[T any] struct {
	Version int `json:"v"` // of the connector's T
	Files   T   `json:"files"`
}

// Remember writes what a connector knows of its files as a State. version is that of the shape of T, whose JSON cannot fail.
func Remember[T any](version int, files T) State {
	text, err := json.Marshal(memory[T]{version, files})
	if err != nil {
		panic(err)
	}
	return State(text)
}

// Recall reads what Remember wrote. A State that it cannot read, or of another version, is no memory at all.
func Recall[T any](version int, s State) (files T) {
	var m memory[T]
	if err := json.Unmarshal([]byte(s), &m); err != nil || m.Version != version {
		return files
	}
	return m.Files
}
