"""Starts the state machine of the pipeline by the clock, and waits for its end."""

import pendulum
from airflow import DAG
from airflow.providers.amazon.aws.operators.step_function import StepFunctionStartExecutionOperator
from airflow.providers.amazon.aws.sensors.step_function import StepFunctionExecutionSensor

with DAG(
    dag_id="PIPELINE",
    schedule="SCHEDULE" or None,
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    max_active_runs=1,
):
    start = StepFunctionStartExecutionOperator(
        task_id="start",
        state_machine_arn="MACHINE",
        state_machine_input={"trigger": "schedule"},
    )
    StepFunctionExecutionSensor(task_id="run", execution_arn=start.output, mode="reschedule", poke_interval=60)
