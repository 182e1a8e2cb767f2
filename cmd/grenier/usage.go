package main

import (
	"bytes"
	"regexp"
	"strings"

	"github.com/alecthomas/kong"
)

// frenchHelp prints kong's help with its fixed words in French.
func frenchHelp(options kong.HelpOptions, call *kong.Context) error {
	var b bytes.Buffer
	out := call.Stdout
	call.Stdout = &b
	err := kong.DefaultHelpPrinter(options, call)
	call.Stdout = out
	if err != nil {
		return err
	}
	_, err = out.Write([]byte(helpWords.Replace(b.String())))
	return err
}

var helpWords = strings.NewReplacer(
	"Usage: ", "Emploi : ", "\nFlags:\n", "\nOptions :\n", "\nCommands:\n", "\nCommandes :\n", "\nArguments:\n", "\nArguments :\n",
	`Run "grenier <command> --help" for more information on a command.`, "« grenier <commande> --help » dit tout d’une commande.",
	"<command>", "<commande>", "[flags]", "[options]",
)

// usageSentences say kong's errors in French; what is not named here is passed on as it is.
var usageSentences = []struct {
	form   *regexp.Regexp
	french string
}{
	{regexp.MustCompile(`^expected one of .*$`), "Il manque le nom d’une commande."},
	{regexp.MustCompile(`^unexpected argument (\S+?), did you mean (one of )?(.+)\?$`), "« $1 » n’est pas attendu ici ; est-ce $3 ?"},
	{regexp.MustCompile(`^unexpected argument (\S+)$`), "« $1 » n’est pas attendu ici."},
	{regexp.MustCompile(`^unknown flag (\S+?), did you mean (one of )?(.+)\?$`), "L’option $1 n’existe pas ; est-ce $3 ?"},
	{regexp.MustCompile(`^unknown flag (\S+)$`), "L’option $1 n’existe pas."},
	{regexp.MustCompile(`^missing flags: (.+)$`), "Il manque $1."},
	{regexp.MustCompile(`^expected "(.+)"$`), "Il manque $1."},
	{regexp.MustCompile(`^(--\S+?)(?:=\S+)?(?:,\.\.\.)? must be one of (.+) but got "(.*)"$`), "$1 : « $3 » n’en fait pas partie : $2."},
	{regexp.MustCompile(`^(--\S+?)(?:=\S+)?: expected a valid .* int but got "(.*)"$`), "$1 attend un nombre entier, pas « $2 »."},
	{regexp.MustCompile(`^(--\S+?)(?:=\S+)?: (?:expected \S+ value but got|missing value).*$`), "$1 attend une valeur."},
}

// frenchUsage is kong's error as a French sentence.
func frenchUsage(err error) string {
	text := err.Error()
	for _, s := range usageSentences {
		if s.form.MatchString(text) {
			text = s.form.ReplaceAllString(text, s.french)
			break
		}
	}
	text = strings.NewReplacer(`,""`, "", `","`, ", ", `", "`, ", ", `"`, "").Replace(text)
	return text + " « grenier --help » montre les commandes et les options."
}
