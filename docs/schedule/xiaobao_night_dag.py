"""The night as an Airflow DAG: one task, tried again, that goes on where it was interrupted."""
from datetime import timedelta

import pendulum
from airflow import DAG
from airflow.operators.bash import BashOperator

HOME = "{{ var.value.get('xiaobao_home', '/opt/xiaobao') }}"
FILES = "{{ var.value.get('xiaobao_files', '/srv/complaints') }}"

with DAG(
    dag_id="xiaobao_night",
    schedule="0 22 * * *",
    start_date=pendulum.datetime(2026, 1, 1, tz="Asia/Shanghai"),
    catchup=False,
    # Nights share the store: one at a time, in their order.
    max_active_runs=1,
) as dag:
    BashOperator(
        task_id="triage",
        bash_command=f"{HOME}/xiaobao-night.sh {FILES}/in {FILES}/out/{{{{ ds }}}} {FILES}/store",
        env={"XIAOBAO_HOME": HOME},
        append_env=True,
        retries=3,
        retry_delay=timedelta(minutes=1),
        depends_on_past=True,
    )
