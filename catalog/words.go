package catalog

import "strings"

// A Word is one word of a text, as indexes keep it.
type Word struct {
	Text string // folded: lower case, without accents, œ opened, « St » written in full
	Stem string // Text without the marks of plural and feminine
}

// Words are the words that carry the meaning of a text: elided articles and empty words are left out. A text of nothing else keeps all its words.
func Words(text string) []Word {
	fields := strings.Fields(Fold(text))
	words := make([]Word, 0, len(fields))
	for _, f := range fields {
		if !emptyWords[f] {
			words = append(words, wordOf(f))
		}
	}
	if len(words) == 0 {
		for _, f := range fields {
			words = append(words, wordOf(f))
		}
	}
	return words
}

func wordOf(folded string) Word {
	if whole, ok := shortWords[folded]; ok {
		folded = whole
	}
	return Word{folded, Stem(folded)}
}

// Stems are the stems of words; Texts the words themselves.
func Stems(words []Word) []string {
	list := make([]string, len(words))
	for i, w := range words {
		list[i] = w.Stem
	}
	return list
}

// Texts are words unstemmed: names have no plural.
func Texts(words []Word) []string {
	list := make([]string, len(words))
	for i, w := range words {
		list[i] = w.Text
	}
	return list
}

// shortWords are abbreviations that stand for one word whatever is around them.
var shortWords = map[string]string{"st": "saint", "ste": "sainte", "sts": "saints", "stes": "saintes", "dept": "departement", "dpt": "departement"}

// emptyWords say nothing of a subject. They are folded.
var emptyWords = set(`a au aux avec ce ces cet cette chez dans de des du elle en entre et eux il ils je la le les leur leurs lui ma mais me meme mes moi mon ne
	nos notre nous on ou par pas pour qu que quel quelle quels quelles qui sa se ses son sous sur ta te tes toi ton tu un une vers vos votre vous c d j l m n s t
	y est sont lez`)

// weakWords are written in searches by people who want any file, or who ask as they would a neighbour: finding them is welcome, and no condition. They are
// stems.
var weakWords = set(`donn fichier list open data opendata jeu dataset csv xlsx excel parquet json geojson telecharger telechargement commun vill mairi
	collectivit public publi officiel information info plus proch pres combien comment pourquoi quand trouver voir connaitr savoir obtenir cherch chercher avoir faut
	peut quoi`)

func set(text string) map[string]bool {
	all := map[string]bool{}
	for w := range strings.FieldsSeq(text) {
		all[w] = true
	}
	return all
}

// invariable words only look like plurals, or have a plural that no rule makes.
var invariable = set(`taux faux gaz travaux bois prix choix voix acces proces temps corps cours pays avis repas permis paris sans plus dos bus campus
	virus ours fonds poids bras pres tres apres`)

// Stem takes the marks of French plurals and feminines off a folded word, and nothing more: derived words are the business of the synonyms. A word
// and its plural have one stem; that of a rare word may look odd, which no one sees.
func Stem(w string) string {
	if len(w) < 4 || invariable[w] || w[0] <= '9' {
		return w
	}
	w = singular(w)
	for _, r := range feminine {
		if base, ok := strings.CutSuffix(w, r[0]); ok && len(base) >= 3 {
			return base + r[1]
		}
	}
	return w
}

// feminine endings and what they become, longest first.
var feminine = [][2]string{{"trice", "teur"}, {"euse", "eur"}, {"ique", "ic"}, {"elle", "el"}, {"enne", "en"}, {"onne", "on"}, {"ive", "if"}, {"ee", ""}, {"e", ""}}

func singular(w string) string {
	if base, ok := strings.CutSuffix(w, "aux"); ok {
		if strings.HasSuffix(base, "e") || len(base) < 3 {
			return base + "au" // « réseaux », « eaux »
		}
		return base + "al" // « municipaux »
	}
	if last := w[len(w)-1]; last == 's' || last == 'x' {
		return w[:len(w)-1]
	}
	return w
}
