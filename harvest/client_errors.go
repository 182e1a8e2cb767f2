package harvest

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// A StatusError is an HTTP answer that brings no document.
type StatusError struct {
	Code       int
	RetryAfter time.Duration // how long the remote host asks to wait; 0 when it does not say
}

func (e *StatusError) Error() string { return "status " + strconv.Itoa(e.Code) }

// retryAfter reads a Retry-After header: seconds or a date (RFC 9110, 10.2.3).
func retryAfter(text string, now time.Time) time.Duration {
	if n, err := strconv.Atoi(strings.TrimSpace(text)); err == nil {
		return time.Duration(min(max(n, 0), 1<<24)) * time.Second
	}
	if t, err := http.ParseTime(text); err == nil {
		return max(t.Sub(now), 0)
	}
	return 0
}

func (e *StatusError) explain(u *url.URL) error {
	err := Say(e.french(theSource), e)
	switch {
	case e.Code == http.StatusRequestTimeout, e.Code == http.StatusTooEarly, e.Code == http.StatusTooManyRequests:
		return err
	case e.Code >= 500:
		return err
	}
	return Permanent(err)
}

const lastStays = " La dernière version reste en ligne."

func (e *StatusError) french(host string) string {
	code := strconv.Itoa(e.Code)
	switch {
	case e.Code == 401 || e.Code == 403:
		return "Le serveur " + host + " refuse l’accès (réponse " + code + ")." + lastStays + " Vérifiez l’identifiant, le mot de passe ou la clé de la source, et leurs droits."
	case e.Code == 404 || e.Code == 410:
		return "Le serveur " + host + " ne connaît pas cette adresse (réponse " + code + ")." + lastStays + " Vérifiez l’adresse : le fichier a pu être déplacé ou supprimé."
	case e.Code == 429 || e.Code == 503:
		return "Le serveur " + host + " est trop sollicité ou en maintenance (réponse " + code + ")." + lastStays + " Un nouvel essai est prévu ; il n’y a rien à faire."
	case e.Code == 408 || e.Code == 504:
		return slowSentence(host)
	case e.Code >= 500:
		return "Le serveur " + host + " est en panne (réponse " + code + ")." + lastStays + " Un nouvel essai est prévu ; si la panne dure, prévenez l’éditeur du logiciel."
	case e.Code < 400:
		return "Le serveur " + host + " répond sans envoyer de fichier (réponse " + code + ")." + lastStays + " Vérifiez l’adresse de la source."
	}
	return "Le serveur " + host + " refuse la demande (réponse " + code + ")." + lastStays + " Vérifiez l’adresse et les réglages de la source."
}

// An addressError is an address that the guard refuses to read.
type addressError struct{ error }

func (e addressError) Unwrap() error { return e.error }

// A redirectError is a redirect that cannot be followed.
type redirectError struct{ error }

func (e redirectError) Error() string { return "redirect: " + e.error.Error() }
func (e redirectError) Unwrap() error { return e.error }

// explain gives err, met while speaking to u, its French sentence, and marks what no retry can mend. The end of the caller's context
// is not explained: it is not the remote host's doing.
func explain(ctx context.Context, u *url.URL, err error) error {
	var (
		refused  *refusal
		redir    redirectError
		address  addressError
		dns      *net.DNSError
		timeout  net.Error
		network  *net.OpError
		sentence *Sentence
	)
	host := theSource
	switch {
	case errors.As(err, &sentence):
		return err
	case errors.As(err, &refused):
		return Permanent(Say(unreachable(), allowing(u, err)))
	case errors.Is(err, errTooLarge):
		return Permanent(Say("Le fichier envoyé par le serveur "+host+" dépasse la taille permise."+lastStays+" Réduisez l’export, ou demandez à l’administrateur de la plateforme de relever la limite.", err))
	case errors.Is(err, errTooSlow):
		return Say("Le serveur "+host+" envoie le fichier trop lentement."+lastStays+" Un nouvel essai est prévu ; si cela dure, prévenez l’hébergeur du logiciel.", err)
	case ctx.Err() != nil:
		return ended(ctx, err)
	case errors.As(err, &redir):
		return Permanent(Say("Le serveur "+host+" renvoie vers une adresse que Grenier ne suit pas (trop de renvois, passage de https à http ou adresse illisible)."+lastStays+" Indiquez dans la source l’adresse finale du fichier.", err))
	case errors.As(err, &address):
		return Permanent(Say("L’adresse de la source n’est pas utilisable."+lastStays+" Écrivez-la sous la forme « https://serveur.exemple.fr/chemin », sans identifiant ni mot de passe, avec un nom de serveur ou une adresse IP ordinaire.", err))
	case errors.Is(err, errEncoding), errors.Is(err, errDamaged):
		return Say("Le fichier envoyé par le serveur "+host+" est compressé d’une façon illisible ou abîmée."+lastStays+" Un nouvel essai est prévu ; si cela dure, prévenez l’éditeur du logiciel.", err)
	case errors.As(err, &dns):
		return sayDNS(host, dns, err)
	case isTLS(err):
		return Permanent(Say(tlsSentence(host, err), err))
	case errors.As(err, &timeout) && timeout.Timeout():
		return Say(slowSentence(host), err)
	case errors.As(err, &network) && network.Op == "dial":
		return Say(unreachable(), allowing(u, err))
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return Say(stoppedSentence(host), err)
	}
	return Say("Le serveur "+host+" répond d’une façon que Grenier ne comprend pas."+lastStays+" Vérifiez l’adresse de la source ; si cela dure, prévenez l’éditeur du logiciel.", err)
}

// ended says that ctx ended what err broke.
func ended(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); !errors.Is(err, cause) {
		return fmt.Errorf("%w: %w", cause, err)
	}
	return err
}

// unreachable is the same whether the guard refuses an address or nobody answers there: it must not tell what exists inside the
// operator's network (S-09). The error behind it says which line the administrator may add (S-04).
func unreachable() string {
	return "Le serveur " + theSource + " n’a pas pu être joint." + lastStays +
		" Vérifiez l’adresse et que le service est démarré. S’il se trouve dans un réseau interne, l’administrateur de la plateforme, et lui seul, peut l’autoriser (« harvest.allow » dans grenier.yaml)."
}

// allowing says to the operator which line lets the program reach u.
func allowing(u *url.URL, err error) error {
	return fmt.Errorf("%w (to allow it, add to harvest.allow in grenier.yaml: - %q)", err, hostPort(u))
}

func slowSentence(host string) string {
	return "Le serveur " + host + " n’a pas répondu à temps." + lastStays + " Un nouvel essai est prévu ; si cela dure, prévenez l’hébergeur du logiciel."
}

func stoppedSentence(host string) string {
	return "La connexion avec le serveur " + host + " s’est interrompue avant la fin." + lastStays + " Un nouvel essai est prévu ; il n’y a rien à faire."
}

func sayDNS(host string, dns *net.DNSError, err error) error {
	if dns.IsNotFound {
		return Say("Le nom du serveur "+host+" est inconnu."+lastStays+" Vérifiez l’adresse de la source : le nom a pu changer ou contenir une faute de frappe.", err)
	}
	return Say("Le nom du serveur "+host+" n’a pas pu être résolu pour le moment."+lastStays+" Un nouvel essai est prévu ; si cela dure, prévenez votre opérateur.", err)
}

// isTLS recognises what breaks before a first encrypted byte. Most of crypto/tls's errors have no type of their own.
func isTLS(err error) bool {
	var verify *tls.CertificateVerificationError
	return errors.As(err, &verify) || errors.Is(err, http.ErrSchemeMismatch) || strings.Contains(err.Error(), "tls: ")
}

func tlsSentence(host string, err error) string {
	var (
		name    x509.HostnameError
		unknown x509.UnknownAuthorityError
		invalid x509.CertificateInvalidError
	)
	switch {
	case errors.As(err, &name):
		return "Le certificat du serveur " + host + " est fait pour un autre nom." + lastStays + " Vérifiez l’adresse de la source, ou prévenez l’hébergeur du logiciel."
	case errors.As(err, &unknown):
		return "Le certificat du serveur " + host + " n’est signé par aucune autorité reconnue." + lastStays + " Prévenez l’hébergeur du logiciel ; pour une autorité interne, l’administrateur de la plateforme peut ajouter son certificat à la configuration."
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "Le certificat du serveur " + host + " a expiré ou n’est pas encore valable." + lastStays + " Demandez à l’hébergeur du logiciel de le renouveler."
	}
	return "La connexion chiffrée avec le serveur " + host + " n’a pas pu être établie." + lastStays + " Vérifiez l’adresse (http ou https, port) et prévenez l’hébergeur du logiciel."
}

// theSource stands for the host in a sentence: sentences are shown on public pages, and the names of members' internal servers are not for the
// public. The error behind the sentence names it, for the operator.
const theSource = "de la source"
