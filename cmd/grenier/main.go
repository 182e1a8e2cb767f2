//go:debug zipinsecurepath=0

// Command grenier harvests, judges, publishes and shows the open data of public bodies. It is one program: `grenier demo` shows all of it
// with invented data, `grenier serve` runs it.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	_ "time/tzdata"

	"github.com/alecthomas/kong"
)

// Exit codes (INTERFACE section 1).
const (
	exitOK       = 0
	exitBad      = 1 // invalid, held or failed
	exitUnusable = 2 // unreadable, or wrong usage
)

// An exitError ends the program with a code; its text, when there is one, is a French sentence.
type exitError struct {
	code int
	text string
}

func (e exitError) Error() string { return e.text }

// usage is a wrong call.
func usage(format string, args ...any) error {
	return exitError{exitUnusable, fmt.Sprintf(format, args...)}
}

// commands is the command line.
type commands struct {
	Config  string `short:"c" type:"path" placeholder:"FICHIER" help:"Fichier de configuration (grenier.yaml du dossier courant s’il existe)."`
	Data    string `type:"path" placeholder:"DOSSIER" help:"Dossier des données (grenier-data par défaut)."`
	Verbose bool   `short:"v" help:"Journal détaillé sur la sortie d’erreur."`

	Demo       demoCommand       `cmd:"" help:"Montre tout le programme sur un département fictif : moissonne, publie, sert le portail."`
	Serve      serveCommand      `cmd:"" help:"Sert le portail et moissonne selon le calendrier."`
	Apply      applyCommand      `cmd:"" help:"Fait entrer membres, recettes et sources dans le catalogue."`
	Harvest    harvestCommand    `cmd:"" help:"Moissonne maintenant et attend la fin."`
	Runs       runsCommand       `cmd:"" help:"Dit ce qui s’est passé, du plus récent au plus ancien."`
	Held       heldCommand       `cmd:"" help:"Les livraisons retenues, et ce qu’elles changeraient."`
	Release    releaseCommand    `cmd:"" help:"Publie une livraison retenue, avec la raison."`
	Refuse     refuseCommand     `cmd:"" help:"Écarte une livraison retenue, avec la raison."`
	Replay     replayCommand     `cmd:"" help:"Refait les fichiers d’un moissonnage d’après ses originaux, et les compare."`
	Validate   validateCommand   `cmd:"" help:"Juge des fichiers d’après un schéma."`
	Undo       undoCommand       `cmd:"" help:"Rend l’original d’un fichier que « validate --fix » a réparé."`
	Convert    convertCommand    `cmd:"" help:"Juge un fichier et écrit tous ses formats, sans catalogue."`
	Schemas    schemasCommand    `cmd:"" help:"Schémas nationaux connus."`
	Connectors connectorsCommand `cmd:"" help:"Ce qui peut être moissonné."`
	Reindex    reindexCommand    `cmd:"" help:"Reconstruit l’index de recherche."`
	Doctor     doctorCommand     `cmd:"" help:"Vérifie que tout va bien."`
	Withdraw   withdrawCommand   `cmd:"" help:"Retire un jeu de données d’urgence : page, fichiers, toutes les versions, originaux."`
	Audit      auditCommand      `cmd:"" help:"Ce que des personnes ont décidé, et si le journal est intact."`
	Rebuild    rebuildCommand    `cmd:"" help:"Refait le catalogue d’après les fichiers gardés, quand la base est perdue."`
	Version    versionCommand    `cmd:"" help:"Version du programme."`
}

// A terminal is what a command talks to; tests give their own.
type terminal struct {
	in       io.Reader
	out, err io.Writer
	env      []string
	verbose  bool
	log      *slog.Logger
	columns  int // of the screen, for tests; 0: asked of the screen
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], &terminal{in: os.Stdin, out: os.Stdout, err: os.Stderr, env: os.Environ()}))
}

// run is the program, for tests to start: it returns the exit code.
func run(ctx context.Context, args []string, t *terminal) (code int) {
	var cmd commands
	exited := false
	parser, err := kong.New(&cmd, kong.Name("grenier"), kong.Writers(t.out, t.err), kong.ShortUsageOnError(),
		kong.Description("Grenier moissonne, vérifie et publie les données ouvertes des collectivités."),
		kong.Help(frenchHelp), kong.Exit(func(c int) { code, exited = c, true }), kong.UsageOnError())
	if err != nil {
		fmt.Fprintln(t.err, err)
		return exitUnusable
	}
	parser.Model.HelpFlag.Help = "Montre cette aide."
	call, err := parser.Parse(doctorsCatalogue(doctorsData(args)))
	if exited {
		return code
	}
	if err != nil {
		fmt.Fprintln(t.err, frenchUsage(err))
		return exitUnusable
	}
	call.BindTo(ctx, (*context.Context)(nil))
	t.verbose = cmd.Verbose
	level := slog.LevelWarn
	if cmd.Verbose {
		level = slog.LevelInfo
	}
	t.log = slog.New(slog.NewTextHandler(t.err, &slog.HandlerOptions{Level: level}))
	return t.end(ctx, call.Run(t, &cmd))
}

// doctorsData lets « doctor --data » ask for the files to be read, as people say it: --data names the folder of the data only when one follows.
func doctorsData(args []string) []string {
	at := slices.Index(args, "doctor")
	if at < 0 {
		return args
	}
	args = slices.Clone(args)
	for i := at + 1; i < len(args); i++ {
		if args[i] == "--data" && (i+1 == len(args) || strings.HasPrefix(args[i+1], "-")) {
			args[i] = "--read-data"
		}
	}
	return args
}

// end says an error in one sentence and gives the exit code.
func (t *terminal) end(ctx context.Context, err error) int {
	var e exitError
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &e):
		if e.text != "" {
			fmt.Fprintln(t.err, strings.TrimRight(e.text, "\n"))
		}
		return e.code
	case ctx.Err() != nil:
		fmt.Fprintln(t.err, "Interrompu. Rien n’est à moitié fait ; relancez la commande quand vous voulez.")
		return exitBad
	}
	fmt.Fprintln(t.err, "grenier :", sentence(err))
	return exitBad
}
