package harvest

import (
	"errors"

	"grenier/publish"
)

// A Stage is a step of the line.
type Stage string

// The stages, in order.
const (
	StageFetch   Stage = "fetch"
	StageDecode  Stage = "decode"
	StageMap     Stage = "map"
	StageCheck   Stage = "check"
	StageGate    Stage = "gate"
	StagePublish Stage = "publish"
)

// A StageError says where on the line a run broke. The innermost stage wins.
type StageError struct {
	Stage Stage
	Err   error
}

func (e *StageError) Error() string { return string(e.Stage) + ": " + e.Err.Error() }
func (e *StageError) Unwrap() error { return e.Err }

// at marks err with its stage unless it already has one.
func at(s Stage, err error) error {
	var e *StageError
	if err == nil || errors.As(err, &e) {
		return err
	}
	return &StageError{s, err}
}

type permanent struct{ error }

func (p permanent) Unwrap() error { return p.error }

// Permanent marks an error that no retry can mend.
func Permanent(err error) error {
	if err == nil {
		return nil
	}
	return permanent{err}
}

// IsPermanent tells whether err was marked by Permanent.
func IsPermanent(err error) bool {
	var p permanent
	return errors.As(err, &p)
}

// A Sentence is an error with a French sentence for the member beside the chain for the operator: what happened, its effect,
// what to do. It never quotes an answer's body nor a secret.
type Sentence struct {
	French string
	Err    error // may be nil
}

func (e *Sentence) Error() string {
	if e.Err == nil {
		return e.French
	}
	return e.Err.Error()
}
func (e *Sentence) Unwrap() error { return e.Err }

// Say attaches a French sentence to err.
func Say(french string, err error) error { return &Sentence{french, err} }

// SentenceOf returns the French sentence of err, or a general one for its stage.
func SentenceOf(err error) string {
	var s *Sentence
	if errors.As(err, &s) {
		return s.French
	}
	var e *StageError
	errors.As(err, &e)
	if text := publish.DiskTrouble(err, e == nil || e.Stage == StageFetch); text != "" {
		return text
	}
	if e != nil {
		switch e.Stage {
		case StageFetch:
			return "La source n’a pas pu être lue. La dernière version reste en ligne ; un nouvel essai est prévu."
		case StageDecode:
			return "Le fichier reçu n’a pas pu être lu. La dernière version reste en ligne ; vérifiez l’export du logiciel."
		case StageMap:
			return "Le fichier reçu n’a pas les colonnes que la recette attend. La dernière version reste en ligne ; prévenez votre opérateur."
		case StagePublish:
			return "La publication n’a pas pu se terminer. La dernière version reste en ligne ; prévenez votre opérateur."
		}
	}
	return "Le moissonnage n’a pas pu se terminer. La dernière version reste en ligne ; prévenez votre opérateur."
}
