package command

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/mlpathway/mlpathway/training-image/launch"
	"github.com/mlpathway/mlpathway/training-image/step"
)

// jobVariable names what launch launches.
const jobVariable = "MLPATHWAY_JOB"

func (p *Program) launchCommand() *cobra.Command {
	var o step.Options
	l := launch.Options{Job: p.Getenv(jobVariable), Out: p.Stdout}
	c := &cobra.Command{Use: "launch", Short: "Run the training as jobs on a Kubernetes cluster", Args: cobra.NoArgs,
		Long: `Makes the JobSets that the description at --job holds, one after the other, on the cluster that it names, and
waits until they have ended. Their containers get the variables MLPATHWAY_* that steps read, as they are here. The jobs
are named after the run: a launch that was killed finds them again, and one that failed is made anew. SIGTERM deletes
the job that runs.

Whoever runs it must be allowed to create, get and delete JobSets in their namespace.`,
		RunE: func(c *cobra.Command, _ []string) error {
			if l.Job == "" {
				return fmt.Errorf("missing: --job (or $%s)", jobVariable)
			}
			if err := require(&o, "run"); err != nil {
				return err
			}
			l.Run, l.Environment = o.Run, p.handedOn()
			if err := launch.Run(c.Context(), l); err != nil {
				return failure{err}
			}
			return nil
		}}
	p.bind(c, &o, "run")
	c.Flags().StringVar(&l.Job, "job", l.Job, "URI of the description of the jobs [$"+jobVariable+"]")
	c.Flags().DurationVar(&l.Interval, "interval", 10*time.Second, "time between two looks at a job")
	return c
}

// handedOn are the variables of this process that tell steps where things lie.
func (p *Program) handedOn() map[string]string {
	all := map[string]string{}
	hand := func(name string) {
		if value := p.Getenv(name); value != "" {
			all[name] = value
		}
	}
	hand("MLPATHWAY_MODEL")
	for _, f := range flags() {
		hand(f.env)
	}
	return all
}
