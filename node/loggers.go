package node

import "log/slog"

// logger is the log of a part of the node: each of its lines has the part's name as
// the attribute "logger", by which its level can be chosen.
func (s settings) logger(part string) *slog.Logger { return s.Logger.With("logger", part) }

func (n *Node) logger(part string) *slog.Logger { return n.settings.logger(part) }
