package main

import (
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/passeur-p2p/passeur/node"
)

// configName is the config file's name in the home.
const configName = "config.toml"

// switchWord is the value of a flag that is on or off.
type switchWord string

// switchType is what such a flag calls its type.
const switchType = "on|off"

type logFormat string

// runOptions are the settings of run, from flags, environment and config file.
type runOptions struct {
	config        node.Config
	mdns, portMap switchWord
	file          string
	verbose       bool
	logFormat     logFormat
}

// bind makes the flags that set o.
func (o *runOptions) bind(flags *pflag.FlagSet) {
	flags.StringVar(&o.config.Name, "name", "", "what this device calls itself to contacts (default: as before, or the host's name)")
	flags.StringArrayVar(&o.config.Bootstrap, "bootstrap", nil, "`MULTIADDR`, ending in /p2p/ID, of a node by which to join the DHT (repeatable)")
	flags.Var(newChoice(&o.config.DHT, node.DHTServer, node.DHTClient), "dht", "answer others' questions on the DHT, or only ask")
	flags.StringVar(&o.config.Listen, "listen", "", "`HOST:PORT` to listen on (default: every address, a free port)")
	flags.Var(newChoice[switchWord](&o.mdns, "on", "off"), "mdns", "find nodes on the local network")
	flags.StringArrayVar(&o.config.STUN, "stun", nil, "`HOST:PORT` of a STUN server, asked over TCP for this node's public address (repeatable)")
	flags.Var(newChoice[switchWord](&o.portMap, "on", "off"), "portmap", "have the router forward a port (UPnP-IGD, NAT-PMP, PCP)")
	flags.Var(newChoice(&o.config.Accept, node.AcceptAsk, node.AcceptContacts), "accept", "ask before taking a file, or take all that contacts send")
	flags.StringVar(&o.config.Downloads, "downloads", "", "`FOLDER` for files accepted without -o (default: received in the home)")
	flags.StringVar(&o.file, "config", "", "`FILE` with more settings (default: "+configName+" in the home, if there is one)")
	flags.BoolVarP(&o.verbose, "verbose", "v", false, "log more")
	flags.Var(newChoice[logFormat](&o.logFormat, "text", "json"), "log-format", "form of the log")
}

func completeRun(cmd *cobra.Command) {
	for _, flag := range []string{"dht", "mdns", "portmap", "accept", "log-format"} {
		completeChoice(cmd, flag)
	}
}

// resolve gives what the node is to be. It reads the config file for all that
// neither a flag nor the environment has set.
func (o *runOptions) resolve(home string, flags *pflag.FlagSet, logger *slog.Logger) (node.Config, error) {
	if err := o.readFile(home, flags, logger); err != nil {
		return node.Config{}, err
	}
	c := o.config
	c.Home, c.Logger, c.MDNS, c.PortMap = home, logger, o.mdns == "on", o.portMap == "on"
	if c.Downloads == "" {
		return c, nil
	}
	var err error
	c.Downloads, err = filepath.Abs(c.Downloads)
	return c, err
}

// readFile reads the config file that was named, or the home's if there is one.
func (o *runOptions) readFile(home string, flags *pflag.FlagSet, logger *slog.Logger) error {
	path := o.file
	if path == "" {
		path = filepath.Join(home, configName)
	}
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) && o.file == "" {
		return nil
	}
	if err != nil {
		return configError("read the config file: %w", err)
	}
	f, err := parseConfigFile(path, text, flags)
	if err != nil {
		return err
	}
	o.config.TURN = f.servers
	f.warn(logger)
	return nil
}
